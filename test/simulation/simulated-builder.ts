/** Checks and builds without processes: what a file says is what happens. Builds take time, and may differ each time. */
import { hash } from 'node:crypto'
import {
  type CommitId,
  type Digest,
  erroredError,
  passed,
  reason,
  type ServiceName,
  type Verdict,
} from '../../src/model/index.ts'
import type { Builder, InputFile, PackedArtifact } from '../../src/ports/index.ts'
import type { Chronicle } from './chronicle.ts'
import type { Scheduler } from './scheduler.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { SimulatedSource } from './simulated-source.ts'

/** What an artifact is worth, by digest. */
export type Bytes = { service: ServiceName; isNeverHealthy: boolean }

export type BuilderOptions = {
  process: SimulatedProcess
  scheduler: Scheduler
  source: SimulatedSource
  chronicle: Chronicle
  bytes: Map<Digest, Bytes>
  /** Share of builds whose bytes differ each time. */
  variety: number
  /** Whether things go wrong by chance. */
  isRough: () => boolean
}

const checkMs = [100, 3000] as const
const buildMs = [300, 10_000] as const
const flakyShare = 0.01
const brokenMachineShare = 0.005

const red = (what: string): Verdict => ({ ok: false, reasons: [reason('it-says-so', what)], logTail: [what] })

export function createBuilder(options: BuilderOptions): Builder {
  const { process, scheduler, source, chronicle, bytes, variety, isRough } = options
  const contentsOf = (commit: CommitId, files: readonly InputFile[]): string => {
    const all = source.files(commit)
    return files.map(({ path }) => (path === 'trunkline.yaml' ? '' : (all.get(path) ?? ''))).join('\n')
  }
  const work = <Result>(signal: AbortSignal, latencyMs: readonly [number, number], effect: () => Result) =>
    process.call({
      latencyMs,
      signal,
      isLocal: true,
      lost: () => erroredError('MACHINE_BROKEN', 'never thrown'),
      effect: () => {
        if (isRough() && process.chance.happens(brokenMachineShare)) throw erroredError('DISK_FULL', 'no space left')
        return effect()
      },
    })

  return {
    identity: process.name,
    platform: 'linux/x64',
    check: (request, { signal }) =>
      work(signal, checkMs, () => {
        if (contentsOf(request.commit, request.files).includes('RED')) return red('RED')
        return isRough() && process.chance.happens(flakyShare) ? red('flaky') : passed
      }),
    build: (request, { signal }) =>
      work(signal, buildMs, () => {
        const contents = contentsOf(request.commit, request.files)
        if (contents.includes('UNBUILDABLE'))
          return { kind: 'failed', verdict: red('UNBUILDABLE') as Verdict & { ok: false } }
        const isVaried = process.chance.happens(variety)
        const salt = isVaried ? `${process.id} ${chronicle.built.length}` : ''
        const digest = `sha256:${hash('sha256', `${request.hash} ${JSON.stringify(request.needs)} ${salt}`)}` as Digest // its shape
        bytes.set(digest, { service: request.service, isNeverHealthy: contents.includes('DEAD') })
        chronicle.built.push({
          atMs: scheduler.nowMs(),
          process: process.id,
          inputHash: request.hash,
          service: request.service,
          artifact: digest,
          commit: request.commit,
          needs: request.needs,
          files: request.files.map(({ path }) => path),
        })
        const at = '2026-01-01T00:00:00.000Z'
        return { kind: 'built', artifact: pack(digest), startedAt: at, endedAt: at }
      }),
    runInCheckout: (request, { signal }) =>
      work(signal, checkMs, () => {
        const environment = request.run.replace('verify ', '')
        const contents = [...source.files(request.commit)].filter(([path]) => path !== 'trunkline.yaml')
        const isBroken = contents.some(([, content]) => content.includes(`BROKEN-${environment}`))
        const isFlaky = isRough() && process.chance.happens(flakyShare)
        const ok = !isBroken && !isFlaky
        chronicle.verifications.push({
          atMs: scheduler.nowMs(),
          process: process.id,
          environment,
          commit: request.commit,
          ok,
        })
        return ok ? passed : red(`BROKEN-${environment} with ${Object.values(request.env).join(' ')}`)
      }),
    discard: async () => {},
  }
}

const pack = (digest: Digest): PackedArtifact => ({ digest, manifest: new Uint8Array(), blobs: [], sizeBytes: 1 })
