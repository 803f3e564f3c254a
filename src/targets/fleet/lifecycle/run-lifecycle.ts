/**
 * One revision on one host, as CodeDeploy's agent does it: stop what runs with the scripts it came with, copy, own, start,
 * validate. Each event's scripts in their order; the first that fails ends it.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { failedError, TrunklineError } from '../../../model/index.ts'
import { type Appspec, maxEventSeconds, parseAppspec, type ScriptEvent, scriptEvents } from './appspec.ts'
import { installFiles, readInstalled, removeInstalled } from './install.ts'
import { applyPermissions } from './permissions.ts'
import { runScript } from './run-script.ts'

const revision = z.object({ bundle: z.string(), appspec: z.string() })

export const lifecycleSchema = z.object({
  project: z.string(),
  environment: z.string(),
  service: z.string(),
  /** Stays the same for the same content: scripts see it as the deployment's id. */
  generation: z.string(),
  /** What is to run; null: the service leaves this host. */
  wanted: revision.nullable(),
  /** What ran before: its own scripts stop it. */
  previous: revision.nullable(),
  ignoreStopFailures: z.boolean(),
  /** File that says what is installed. */
  record: z.string(),
})
export type Lifecycle = z.infer<typeof lifecycleSchema>

type Surroundings = { env: Record<string, string>; log(line: string): void }

export async function runLifecycle(lifecycle: Lifecycle, surroundings: Surroundings): Promise<void> {
  const { wanted, previous } = lifecycle
  const { log } = surroundings
  const next = wanted === null ? null : readAppspec(wanted)
  await stopPrevious(lifecycle, surroundings)
  if (wanted === null || next === null) {
    const installed = readInstalled(lifecycle.record)
    if (installed !== null) removeInstalled(installed)
    rmSync(lifecycle.record, { force: true })
    log(`removed ${previous === null ? 'nothing' : 'what it had installed'}`)
    return
  }
  for (const event of next.notRun) log(`${event}: not run, no load balancer of Trunkline's stands before this service`)
  for (const event of scriptEvents) {
    if (event === 'ApplicationStop') continue
    await runEvent(event, wanted.bundle, next, lifecycle, surroundings)
    if (event !== 'BeforeInstall') continue
    const { files } = installFiles({ bundle: wanted.bundle, appspec: next, record: lifecycle.record, log })
    log(`Install: ${files.length} files`)
    await applyPermissions(next.permissions)
  }
}

/** A stop script that cannot succeed any more would otherwise stand in the way of every revision after it. */
async function stopPrevious(lifecycle: Lifecycle, surroundings: Surroundings): Promise<void> {
  const { previous, ignoreStopFailures } = lifecycle
  if (previous === null) return
  try {
    await runEvent('ApplicationStop', previous.bundle, readAppspec(previous), lifecycle, surroundings)
  } catch (error) {
    if (!ignoreStopFailures || !(error instanceof TrunklineError)) throw error
    surroundings.log(`${error.message}: ignored, as the service says`)
  }
}

function readAppspec({ bundle, appspec }: z.infer<typeof revision>): Appspec {
  const path = join(bundle, appspec)
  if (!existsSync(path)) {
    throw failedError('APPSPEC_MISSING', `the artifact has no ${appspec}`, {
      hint: 'an artifact starts at the folder of its service: include it there',
    })
  }
  return parseAppspec(readFileSync(path, 'utf8'), appspec)
}

async function runEvent(
  event: ScriptEvent,
  bundle: string,
  appspec: Appspec,
  lifecycle: Lifecycle,
  { env, log }: Surroundings,
): Promise<void> {
  const deadlineMs = performance.now() + maxEventSeconds * 1000
  for (const script of appspec.scripts[event]) {
    log(`${event}: ${script.location}${script.runas === undefined ? '' : ` as ${script.runas}`}`)
    const leftMs = Math.max(1, Math.floor(deadlineMs - performance.now()))
    const timeoutMs = Math.min(script.timeout * 1000, leftMs)
    const variables = { ...env, ...variablesOf(lifecycle), LIFECYCLE_EVENT: event }
    await runScript({ script, event, bundle, env: variables, timeoutMs })
  }
}

/** What scripts written for CodeDeploy look at. */
const variablesOf = ({ project, environment, service, generation }: Lifecycle): Record<string, string> => ({
  APPLICATION_NAME: `${project}-${service}`,
  DEPLOYMENT_GROUP_NAME: environment,
  DEPLOYMENT_GROUP_ID: `${project}/${environment}/${service}`,
  DEPLOYMENT_ID: `d-${generation}`,
})
