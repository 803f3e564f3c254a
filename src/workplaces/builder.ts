/**
 * A `Builder` whose checks and builds run at a workplace: it puts what the work needs into the artifact store, has it
 * done there, and takes the outcome from the store. Verification stays here: it is about an environment, whose variables
 * and addresses are known here.
 */
import { storedArtifact } from '../artifacts/copy-artifact.ts'
import { secretsOfEnvironment } from '../building/build-environment.ts'
import { digestOf } from '../hashing/index.ts'
import { createMasker, sanitizeTerminal } from '../masking/index.ts'
import {
  type ArtifactStoreLocation,
  type AwsAccess,
  cancelledError,
  type Digest,
  passed,
  type ServiceName,
  type Verdict,
} from '../model/index.ts'
import type { ArtifactStore, Builder, BuildResult, InputFile, SourceRepository, WorkContext } from '../ports/index.ts'
import { storeInputs } from './inputs.ts'
import { patienceFor, variablesFor } from './needs-of-work.ts'
import { composeOrder, packOrder, type Work } from './order.ts'
import { findOutcome, throwFault, type WorkResult } from './outcome.ts'
import type { Workplace } from './workplace.ts'

export type WorkplaceBuilderOptions = {
  workplace: Workplace
  /** For what stays on this machine. */
  local: Builder
  project: string
  source: Pick<SourceRepository, 'readBlobs'>
  artifacts: ArtifactStore
  /** Where workers find it, too. */
  store: ArtifactStoreLocation
  aws: AwsAccess | null
  services: readonly ServiceName[]
  workDirectory: string
  /** Of the calling process: what builds declare to pass is sent along. */
  environment: NodeJS.ProcessEnv
}

const lastWordsMs = 30_000

export function createWorkplaceBuilder(options: WorkplaceBuilderOptions): Builder {
  const { workplace, local, artifacts } = options
  const inputs = createInputsOnce(options)
  /** Of this process: what is taken back when all is on record. */
  const stored = new Map<Digest, { service: ServiceName; isOrder: boolean }>()

  async function placeOrder(work: Work, signal: AbortSignal): Promise<Digest> {
    const { service, files, prepare } = work.request
    const store = artifacts.forService(service)
    const bundles = await Promise.all(
      [files, ...(prepare === null ? [] : [prepare.files])].map((some) => inputs.store(some, service, signal)),
    )
    for (const digest of bundles) stored.set(digest, { service, isOrder: false })
    const packed = packOrder(composeOrder(work, { platform: workplace.platform, inputs: bundles }))
    stored.set(packed.digest, { service, isOrder: true })
    await store.put(packed, signal)
    return packed.digest
  }

  async function haveDone(work: Work, title: string, context: WorkContext): Promise<WorkResult> {
    const { signal } = context
    const { service, commit } = work.request
    const order = await placeOrder(work, signal)
    const variables = variablesFor(work, options.environment)
    const { mask } = createMasker([...context.secrets, ...secretsOfEnvironment(variables)])
    const end = await workplace.run(
      {
        ...{ order, title, service, variables, project: options.project, timeoutMs: patienceFor(work) },
        ticket: { version: 1, order, commit, store: options.store, aws: options.aws, services: [...options.services] },
      },
      {
        signal,
        log: (line) => context.log(mask(sanitizeTerminal(line))),
        hasOutcome: async (run) => (await findOutcome(artifacts.forService(service), order, run, signal)) !== null,
      },
    )
    const result = await findOutcome(artifacts.forService(service), order, end.run, signal)
    // What is green stays for a controller that comes back before all is on record; all else is to be done anew.
    if (result === null || result.kind === 'failed' || result.kind === 'fault') await workplace.forget(order, signal)
    if (result === null) throw end.fault
    // Another controller may have taken back what both needed: trying again, it is brought there again.
    if (result.kind === 'fault' && result.code === 'ARTIFACT_MISSING') inputs.forget()
    return result
  }

  async function answered(work: Work, title: string, context: WorkContext): Promise<AnsweredWork> {
    try {
      const result = await haveDone(work, title, context)
      if (result.kind === 'fault') throwFault(result, workplace.location)
      return result
    } catch (error) {
      throw context.signal.aborted ? cancelledError() : error
    }
  }

  return {
    identity: local.identity,
    platform: workplace.platform,

    async check(request, context): Promise<Verdict> {
      const result = await answered({ kind: 'check', request }, `check ${request.service}/${request.check}`, context)
      return result.kind === 'failed' ? redOf(result) : passed
    },

    async build(request, context): Promise<BuildResult> {
      const result = await answered({ kind: 'build', request }, `build ${request.service}`, context)
      if (result.kind === 'failed') return { kind: 'failed', verdict: redOf(result) }
      if (result.kind !== 'built') throw new Error('a build that made nothing')
      const { artifact: digest, startedAt, endedAt } = result
      const store = artifacts.forService(request.service)
      return { kind: 'built', artifact: await storedArtifact(store, digest, null, context.signal), startedAt, endedAt }
    },

    runInCheckout: (request, context) => local.runInCheckout(request, context),

    // Its bytes are in the store already.
    discard: async () => {},

    async close() {
      const signal = AbortSignal.timeout(lastWordsMs)
      const orders = [...stored].filter(([, { isOrder }]) => isOrder)
      // All of it is on record, or will be done anew: what cannot be taken away is in nobody's way.
      await Promise.allSettled(orders.map(([order]) => workplace.forget(order, signal)))
      const services = Map.groupBy(stored, ([, { service }]) => service)
      await Promise.allSettled(
        [...services].map(([service, own]) =>
          artifacts.forService(service).remove(
            own.map(([digest]) => digest),
            [],
            signal,
          ),
        ),
      )
      await Promise.allSettled([workplace.close(), local.close?.()])
    },
  }
}

type AnsweredWork = Exclude<WorkResult, { kind: 'fault' }>

const redOf = ({ reasons, logTail }: WorkResult & { kind: 'failed' }): Verdict & { ok: false } => ({
  ok: false,
  reasons,
  logTail,
})

/** The same files are packed once a process, however many checks and builds ask for them at a time. */
function createInputsOnce({ source, artifacts, workDirectory }: WorkplaceBuilderOptions) {
  const under = new Map<string, Promise<Digest>>()
  return {
    store(files: readonly InputFile[], service: ServiceName, signal: AbortSignal): Promise<Digest> {
      const key = `${service} ${digestOf('work-inputs', [...new Set(files.map(({ oid }) => oid))].sort())}`
      const known = under.get(key)
      if (known !== undefined) return known
      const made = storeInputs(files, { source, artifacts: artifacts.forService(service), workDirectory, signal })
      under.set(key, made)
      // Whoever tries again does so from the start.
      made.catch(() => under.delete(key))
      return made
    },
    forget: () => under.clear(),
  }
}
