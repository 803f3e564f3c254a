/** The worker: carries out one order where it is, with the builder of this machine, and leaves the outcome in the store. */
import { join } from 'node:path'
import { openArtifactStore } from '../artifacts/index.ts'
import { builderPlatform, createBuilder, secretsOfEnvironment } from '../building/index.ts'
import { createWorkDirectory } from '../building/work-directory.ts'
import type { Home } from '../home/index.ts'
import { type AwsAccess, type CommitId, erroredError, type Verdict } from '../model/index.ts'
import type { ArtifactStore, Builder, Clock, WorkContext } from '../ports/index.ts'
import { openInputs } from './inputs.ts'
import { readOrder, type WorkOrder } from './order.ts'
import { faultOf, storeOutcome, type WorkResult } from './outcome.ts'
import type { Ticket } from './ticket.ts'

export type WorkerSurroundings = {
  home: Home
  environment: NodeJS.ProcessEnv
  clock: Clock
  /** One line of output, masked. */
  log(line: string): void
  signal: AbortSignal
}

/** Throws only where no outcome can be left: the store cannot be reached, or it is told to stop. */
export async function doWork(ticket: Ticket, surroundings: WorkerSurroundings): Promise<WorkResult> {
  const { signal } = surroundings
  const { order: digest, run } = ticket
  const artifacts = await openStore(ticket, surroundings)
  const result = await carryOut(ticket, artifacts, surroundings).catch((error: unknown) => {
    const fault = faultOf(error)
    if (fault === null || signal.aborted) throw error
    return fault
  })
  await storeOutcome(artifacts, digest, { version: 1, run, result }, signal)
  return result
}

function openStore({ store, services, aws }: Ticket, { home, environment, clock }: WorkerSurroundings) {
  const openAws = async (access: AwsAccess) => {
    const opened = await import('../aws/index.ts')
    return opened.openAws(access, { variables: environment, clock, user: 'worker' })
  }
  return openArtifactStore(store, {
    ...{ environment, services, repositoryRoot: home.root, defaultDirectory: home.artifacts('work') },
    openAws: aws === null ? null : (region = aws.region) => openAws({ ...aws, region, role: null, profile: null }),
  })
}

async function carryOut(
  { order: digest, commit }: Ticket,
  artifacts: ArtifactStore,
  { home, environment, clock, log, signal }: WorkerSurroundings,
): Promise<WorkResult> {
  const order = await readOrder(artifacts, digest, signal)
  if (order.platform !== builderPlatform()) throw wrongPlatform(order.platform)
  const work = await createWorkDirectory(home.work)
  try {
    const source = await openInputs(order.inputs, { artifacts, directory: join(work.scratch, 'inputs'), signal })
    const builder = createBuilder({ source, artifacts, home, environment, clock })
    // A build is passed none of the worker's own logins; should it come by one all the same, it does not show.
    const context = { log, signal, secrets: secretsOfEnvironment(ownEnvironment(environment)) }
    return await obey(order, commit, { builder, artifacts, context })
  } finally {
    await work.remove()
  }
}

const ownEnvironment = (environment: NodeJS.ProcessEnv): Record<string, string> =>
  Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )

type Means = { builder: Builder; artifacts: ArtifactStore; context: WorkContext }

async function obey(order: WorkOrder, commit: CommitId, means: Means): Promise<WorkResult> {
  const { builder, artifacts, context } = means
  if (order.kind === 'check') return resultOf(await builder.check({ ...order.request, commit }, context))
  const built = await builder.build({ ...order.request, commit }, context)
  if (built.kind === 'failed') return resultOf(built.verdict)
  const { artifact, startedAt, endedAt } = built
  try {
    await artifacts.forService(order.request.service).put(artifact, context.signal)
    return { kind: 'built', artifact: artifact.digest, startedAt, endedAt }
  } finally {
    await builder.discard(artifact)
  }
}

const resultOf = (verdict: Verdict): WorkResult =>
  verdict.ok ? { kind: 'passed' } : { kind: 'failed', reasons: verdict.reasons, logTail: verdict.logTail ?? [] }

const wrongPlatform = (wanted: string) =>
  erroredError('WRONG_PLATFORM', `the worker runs on ${builderPlatform()}, and the order is for ${wanted}`, {
    hint: 'say what the nodes are: `platform` under builds.on in trunkline.yaml',
  })
