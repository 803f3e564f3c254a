/**
 * A service that `serverless.yml` describes. Its zips were built once and are in its artifact; the template, which names
 * the stage in many places, is made for each stage by the framework itself, from the release's own configuration. So the
 * same bytes reach every stage.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { unpackArtifact } from '../../../artifacts/unpack.ts'
import {
  fillIn,
  passed,
  reason,
  refusedError,
  type ServerlessRun,
  type ServiceName,
  type Verdict,
} from '../../../model/index.ts'
import type { CheckoutWork, DeployFiles, RolloutRequest, TargetContext } from '../../../ports/index.ts'
import { withScratchFolder } from '../../scratch-folder.ts'
import { type Opened, withFingerprint } from '../ensure.ts'
import { type FunctionRecord, recordOf } from '../record/record.ts'
import { secretsOf, variablesOf } from '../variables.ts'
import { readServerlessConfiguration, type ServerlessConfiguration } from './configuration.ts'
import { driver, driverPath, packageFolder } from './driver.ts'
import { isWell, readStack, urlOf, waitForRest } from './stack.ts'

const maxZips = 500

export async function ensureStack(
  opened: Opened,
  request: RolloutRequest,
  run: ServerlessRun,
  context: TargetContext,
): Promise<Verdict> {
  const { place, book } = opened
  const { signal } = context
  const { service, desired, files, variables } = await withFingerprint(opened, request, signal)
  const described = await files()
  const configuration = configurationIn(described, run)
  const stage = fillIn(run.stage, { environment: place.environment })
  const name = configuration.stackAt(stage)
  const { stack } = await waitForRest(place, name, run.timeoutMs, context)
  const record = await book.read(signal)
  const { generation, artifact, fingerprint } = desired
  const settled = { generation, artifact, fingerprint, version: '' }
  const known = recordOf(record, service)
  if (isWell(stack) && known?.name === name && JSON.stringify(known.settled) === JSON.stringify(settled)) return passed
  const before: FunctionRecord = {
    ...{ name, isStack: true, url: known?.url ?? null, functionUrl: null, secrets: secretsOf(desired) },
    settled: known?.name === name ? known.settled : null,
    pending: { generation, artifact, fingerprint, version: '', weight: 100, verifiedAtMs: null, ringing: {} },
  }
  await book.change(service, () => before, context)
  const zips = await zipsIn(context, service, artifact)
  const given = variablesOf(service, desired, variables, record)
  const work = await workFor({ run, stage, configuration, described, zips, given }, { place, context })
  const verdict = await inCheckout(place, context, work)
  // A stack that could not be changed is what it was: CloudFormation takes back what it began.
  if (!verdict.ok) {
    await book.change(service, (now) => now && { ...now, pending: null }, context)
    return verdict
  }
  const after = await readStack(place, name, signal)
  if (!isWell(after)) return notWell(name, after?.StackStatus)
  const url = place.urlOf(service) ?? urlOf(after)
  await book.change(service, () => ({ ...before, url, settled, pending: null }), context)
  return passed
}

export async function verifyStack({ place, book }: Opened, { service, desired }: RolloutRequest, signal: AbortSignal) {
  const known = recordOf(await book.read(signal), service)
  if (known === null || known.settled?.generation !== desired.generation) {
    return { ok: false as const, reasons: [reason('not-what-was-ensured', `${service} is not what was brought there`)] }
  }
  const stack = await readStack(place, known.name, signal)
  return isWell(stack) ? passed : notWell(known.name, stack?.StackStatus)
}

const notWell = (name: string, status: string | undefined): Verdict => ({
  ok: false,
  reasons: [reason('stack-not-well', `the stack ${name} is ${status ?? 'gone'}`)],
})

function configurationIn(files: DeployFiles, { config }: ServerlessRun): ServerlessConfiguration {
  const text = files.get(config)
  if (text !== undefined) return readServerlessConfiguration(Buffer.from(text).toString(), config)
  throw refusedError('SERVERLESS_CONFIG', `the release has no ${config}`, {
    hint: 'name it as `run.serverless.config`, relative to the root of the repository',
  })
}

type Zips = ReadonlyMap<string, Uint8Array>

/** Of the artifact, by their file names. */
async function zipsIn(
  { artifacts, signal }: TargetContext,
  service: ServiceName,
  artifact: RolloutRequest['desired']['artifact'],
): Promise<Zips> {
  return await withScratchFolder('trunkline-serverless-', async (folder) => {
    const directory = join(folder, 'artifact')
    await unpackArtifact(artifacts.forService(service), artifact, directory, signal)
    const found = (await readdir(directory, { recursive: true })).filter((path) => path.endsWith('.zip'))
    if (found.length === 0 || found.length > maxZips) {
      throw refusedError('SERVERLESS_ZIPS', `the artifact of ${service} holds ${found.length} zips`, {
        hint: 'let its build run `osls package --package .package`, and pack `.package/*.zip` as a bundle',
      })
    }
    const read = found.map(async (path) => [posix.basename(path), await readFile(join(directory, path))] as const)
    return new Map(await Promise.all(read))
  })
}

type Parts = {
  run: ServerlessRun
  stage: string
  configuration: ServerlessConfiguration
  described: DeployFiles
  zips: Zips
  given: Record<string, string>
}

async function workFor(
  { run, stage, configuration, described, zips, given }: Parts,
  { place, context }: { place: Opened['place']; context: TargetContext },
): Promise<CheckoutWork> {
  const folder = posix.dirname(run.config)
  const names = [...zips.keys()].map((name) => `${packageFolder}/${name}`)
  const files = new Map(described)
  files.set(run.config, Buffer.from(configuration.withZips(names)))
  for (const [name, bytes] of zips) files.set(posix.join(folder, packageFolder, name), bytes)
  files.set(driverPath, Buffer.from(driver))
  const { aws, endpoint } = place
  const { accessKeyId, secretAccessKey, sessionToken } = await aws.credentials(context.signal)
  const told = {
    ...{ FOLDER: folder, STAGE: stage, REGION: aws.region, COMMAND: run.command },
    ...{ CONFIG: posix.basename(run.config), PACKAGE: packageFolder, ZIPS: names },
  }
  return {
    name: 'osls deploy',
    run: '"$TRUNKLINE_NODE" "$TRUNKLINE_DRIVER"',
    files,
    env: {
      ...given,
      TRUNKLINE_NODE: process.execPath,
      TRUNKLINE_DRIVER: driverPath,
      TRUNKLINE_SERVERLESS: JSON.stringify(told),
      TRUNKLINE_ENVIRONMENT: place.environment,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      ...(sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: sessionToken }),
      AWS_REGION: aws.region,
      ...(endpoint === null ? {} : { AWS_ENDPOINT_URL: endpoint }),
      // It asks nobody anything, and tells nobody of it.
      CI: 'true',
      SLS_NOTIFICATIONS_MODE: 'off',
      SLS_TELEMETRY_DISABLED: '1',
      // Every five seconds by itself: most stacks are done sooner.
      SLS_AWS_MONITORING_FREQUENCY: '1000',
    },
    secrets: [secretAccessKey, ...(sessionToken === undefined ? [] : [sessionToken])],
    timeoutMs: run.timeoutMs,
  }
}

async function inCheckout(
  { aws, access }: Opened['place'],
  context: TargetContext,
  work: CheckoutWork,
): Promise<Verdict> {
  if (context.inCheckout === undefined) throw new Error('a service of serverless.yml is deployed from a checkout')
  // The framework writes with these credentials, and asks nobody whose they are.
  if (access.account !== null) await aws.assertAccount(context.signal)
  return await context.inCheckout(work, context.signal)
}
