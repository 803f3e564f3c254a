/** From a root module to what it describes: planned, compared with what was approved, applied. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  erroredError,
  isLoss,
  type Preview,
  passed,
  type Reason,
  reason,
  refusedError,
  type Verdict,
} from '../../model/index.ts'
import type { PlanContext, RolloutRequest, TargetContext } from '../../ports/index.ts'
import { everythingIn, type PlanFile, parsePlan, previewIn } from './plan-file.ts'
import { lockIn, worldFault } from './program.ts'
import { recordOutput, recordResource, type StateRecord } from './state.ts'
import { InvalidModule, type Place, runOf, type Workspace, withModule } from './workspace.ts'

const planName = 'trunkline.plan'
const planTimeoutMs = 30 * 60_000

/** null: nothing would change. A module that cannot be planned is told when it is deployed. */
export async function previewFor(
  place: Place,
  request: RolloutRequest,
  { artifacts, signal }: PlanContext,
): Promise<Preview | null> {
  const planned = await verdictIfInvalid(
    withModule(place, request, { artifacts, signal }, (workspace) => makePlan(place, workspace, signal)),
  )
  return planned.ok ? previewIn(planned.plan, runOf(request).stateful) : null
}

/** Applies what was planned, and writes down that it is applied. */
export const applyModule = (
  place: Place,
  request: RolloutRequest,
  record: StateRecord,
  context: TargetContext,
): Promise<Verdict> =>
  verdictIfInvalid(
    withModule(place, request, context, async (workspace): Promise<Verdict> => {
      const { signal } = context
      const made = await makePlan(place, workspace, signal)
      if (!made.ok) return made
      const preview = previewIn(made.plan, runOf(request).stateful)
      const objection = objectionTo(preview, request)
      if (objection !== null) return objection
      await writeRecord(workspace, record, everythingIn(made.plan))
      const whole = await makePlan(place, workspace, signal, ['-refresh=false'])
      if (!whole.ok) return whole
      if (previewIn(whole.plan, [])?.digest !== preview?.digest) throw moved(preview, request)
      return await apply(place, workspace, preview?.changes.length ?? 0, context)
    }),
  )

async function verdictIfInvalid<Result>(work: Promise<Result>): Promise<Result | (Verdict & { ok: false })> {
  try {
    return await work
  } catch (error) {
    if (error instanceof InvalidModule) return { ok: false, reasons: [error.why] }
    throw error
  }
}

/** What is applied is what was approved. Where nothing could be previewed, nothing may be lost. */
function objectionTo(now: Preview | null, request: RolloutRequest): (Verdict & { ok: false }) | null {
  const { preview, service } = request
  if (preview !== undefined) {
    if (now !== null && now.digest !== preview.digest) throw moved(now, request)
    return null
  }
  const lost = now?.changes.filter(isLoss) ?? []
  if (lost.length === 0) return null
  return {
    ok: false,
    reasons: lost.map(({ action, subject }) =>
      reason(
        'loses-data',
        `${service} would ${action} ${subject}, which holds data, and nobody could see that before`,
        {
          hint: 'deliver it again: what it depends on is there now, and its plan can be shown and approved',
        },
      ),
    ),
  }
}

function moved(now: Preview | null, { service, preview }: RolloutRequest) {
  const before = new Set(preview?.changes.map(({ action, subject }) => `${action} ${subject}`))
  const fresh = (now?.changes ?? []).flatMap(({ action, subject }) =>
    before.has(`${action} ${subject}`) ? [] : [`${action} ${subject}`],
  )
  const what = fresh.length > 0 ? `: it would now ${fresh.slice(0, 5).join(', ')}` : ' in what its resources are'
  return refusedError('PREVIEW_MOVED', `the plan of ${service} has moved since it was made${what}`, {
    hint: 'deliver or advance again: it is planned anew, and approved anew where that is asked for',
  })
}

type MadePlan = { ok: true; plan: PlanFile } | (Verdict & { ok: false })

/** What would be done; a module that cannot be planned is a verdict. */
export async function makePlan(
  { program, config }: Place,
  { folder, valueFiles, inputs }: Workspace,
  signal: AbortSignal,
  more: readonly string[] = [],
): Promise<MadePlan> {
  const wait = `-lock-timeout=${Math.ceil(config.lockTimeoutMs / 1000)}s`
  const options = ['-input=false', '-no-color', wait, `-out=${planName}`, ...more, ...valueFiles]
  const timeoutMs = planTimeoutMs + config.lockTimeoutMs
  const diagnostics = collectDiagnostics()
  const call = { folder, signal, inputs, timeoutMs, holdsLock: true as const }
  const end = await program.run(['plan', '-json', ...options], { ...call, onLine: diagnostics.take })
  if (end.kind !== 'exited') throw worldFault(program, 'plan', end)
  if (end.exitCode !== 0) return diagnostics.verdict(`${program.name} cannot plan it`)
  const shown = await program.run(['show', '-json', '-no-color', planName], {
    folder,
    signal,
    timeoutMs: planTimeoutMs,
  })
  if (shown.kind !== 'exited' || shown.exitCode !== 0) throw worldFault(program, 'show its plan', shown)
  const plan = parsePlan(shown.stdout.toString('utf8'))
  if (plan === null) throw erroredError('TERRAFORM_PLAN', `the plan that ${program.name} shows is not understood`)
  return { ok: true, plan }
}

/** A resource that comes last, and an output that tells it. JSON in it is text to Terraform. */
async function writeRecord({ folder }: Workspace, record: StateRecord, after: readonly string[]): Promise<void> {
  const value = JSON.stringify(record).replaceAll('${', '$${').replaceAll('%{', '%%{')
  const resource = { input: value, ...(after.length > 0 ? { depends_on: after } : {}) }
  const output = { value: `\${${recordResource}.output}`, sensitive: true }
  const content = { resource: { terraform_data: { [recordOutput]: resource } }, output: { [recordOutput]: output } }
  await writeFile(join(folder, `${recordOutput}.tf.json`), JSON.stringify(content), { mode: 0o600 })
}

async function apply(
  { program, config }: Place,
  { folder }: Workspace,
  total: number,
  { signal, log, report }: TargetContext,
): Promise<Verdict> {
  const diagnostics = collectDiagnostics()
  let ready = 0
  const onLine = (line: string) => {
    const event = diagnostics.take(line)
    if (event === null) return
    if (event.type === 'apply_complete') report({ ready: Math.min(++ready, total), desired: total, old: 0 })
    if (tellingTypes.has(event.type)) log(event.message)
  }
  const wait = `-lock-timeout=${Math.ceil(config.lockTimeoutMs / 1000)}s`
  const timeoutMs = config.timeoutMs + config.lockTimeoutMs
  const end = await program.run(['apply', '-json', '-input=false', '-no-color', wait, planName], {
    ...{ folder, signal, timeoutMs, onLine, holdsLock: true },
  })
  if (end.kind !== 'exited') throw worldFault(program, 'apply its plan', end)
  return end.exitCode === 0 ? passed : diagnostics.verdict(`${program.name} could not apply its plan`)
}

const tellingTypes: ReadonlySet<string> = new Set([
  'apply_start',
  'apply_progress',
  'apply_complete',
  'apply_errored',
  'provision_progress',
  'change_summary',
])

type Told = { type: string; message: string }

/** The program's machine-readable lines: errors are kept, in the order in which they came. */
function collectDiagnostics() {
  const errors: Reason[] = []
  const tail: string[] = []
  return {
    take(line: string): Told | null {
      const event = eventIn(line)
      if (event === null) return null
      tail.push(event.message)
      if (tail.length > 20) tail.shift()
      if (event.error !== null) errors.push(event.error)
      return event
    },
    /** The first error is the cause; a locked state is nobody's verdict. */
    verdict(otherwise: string): Verdict & { ok: false } {
      for (const { message } of errors) {
        const locked = lockIn(message)
        if (locked !== null) throw locked
      }
      return { ok: false, reasons: errors.length > 0 ? errors : [reason('terraform', otherwise)], logTail: tail }
    },
  }
}

function eventIn(line: string): (Told & { error: Reason | null }) | null {
  if (!line.startsWith('{')) return null
  try {
    const { type = '', diagnostic, '@message': message = '' } = JSON.parse(line)
    if (typeof type !== 'string' || typeof message !== 'string') return null
    const isError = diagnostic?.severity === 'error'
    return { type, message, error: isError ? asReason(diagnostic) : null }
  } catch {
    return null
  }
}

function asReason(diagnostic: { summary?: unknown; detail?: unknown; address?: unknown; range?: unknown }): Reason {
  const text = [diagnostic.summary, diagnostic.detail].filter((part) => typeof part === 'string' && part !== '')
  const at = typeof diagnostic.address === 'string' ? `${diagnostic.address}: ` : ''
  return reason('terraform', `${at}${text.join(': ')}`)
}
