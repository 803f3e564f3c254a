/** A repository with a builder of its own, for tests: real git objects, real processes, a home that goes away. */
import { execFileSync } from 'node:child_process'
import { mkdtemp, realpath } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { removeTree } from '../../src/building/file-trees.ts'
import { type BuilderOptions, createBuilder } from '../../src/building/index.ts'
import { sha256 } from '../../src/hashing/index.ts'
import { type Home, homeAt } from '../../src/home/index.ts'
import type { CommitId, EntryMode, InputHash, ObjectId, TreeEntry } from '../../src/model/index.ts'
import { decodePath } from '../../src/model/path-bytes.ts'
import type {
  ArtifactStore,
  Builder,
  BuildRequest,
  CheckRequest,
  Clock,
  InputFile,
  PrepareRequest,
  SourceRepository,
  WorkContext,
} from '../../src/ports/index.ts'
import type { Repository } from '../fixtures/repository.ts'

export const realClock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, { signal })
  },
}

const modes: Record<string, EntryMode> = {
  '100644': 'file',
  '100755': 'executable',
  '120000': 'symlink',
  '160000': 'submodule',
}

/** What a builder reads of a repository, by plain git. The rest of the port is not there. */
export function sourceOf(repository: Repository): SourceRepository {
  const git = (args: string[], input?: string): Buffer =>
    execFileSync('git', args, { cwd: repository.directory, env: repository.environment, maxBuffer: 1 << 30, input })
  const source: Pick<SourceRepository, 'tree' | 'readBlobs'> = {
    async tree(commit) {
      const listing = git(['ls-tree', '-r', '-z', commit])
      const entries: TreeEntry[] = []
      for (let from = 0, end = listing.indexOf(0); end !== -1; from = end + 1, end = listing.indexOf(0, from)) {
        const tab = listing.indexOf(9, from)
        const [mode = '', , oid = ''] = listing.toString('latin1', from, tab).split(' ')
        // Git says what it is.
        entries.push({
          path: decodePath(listing.subarray(tab + 1, end)),
          mode: modes[mode] ?? 'file',
          oid: oid as ObjectId,
        })
      }
      return entries
    },
    async readBlobs(oids) {
      const blobs = new Map<ObjectId, Uint8Array>()
      if (oids.length === 0) return blobs
      const output = git(['cat-file', '--batch'], `${oids.join('\n')}\n`)
      let at = 0
      for (const oid of oids) {
        const lineEnd = output.indexOf(10, at)
        const size = Number(output.toString('latin1', at, lineEnd).split(' ')[2])
        blobs.set(oid, output.subarray(lineEnd + 1, lineEnd + 1 + size))
        at = lineEnd + 1 + size + 1
      }
      return blobs
    },
  }
  // The builder uses nothing else of it.
  return source as SourceRepository
}

export type BuildingWorld = AsyncDisposable & {
  home: Home
  builder: Builder
  source: SourceRepository
  /** Files of a commit, all or those that are named (a folder names all below it). */
  files(commit: CommitId, ...paths: string[]): Promise<InputFile[]>
  /** A further builder on the same home, with other options. */
  another(options?: Partial<BuilderOptions>): Builder
}

export async function createBuildingWorld(
  repository: Repository,
  options: Partial<BuilderOptions> = {},
): Promise<BuildingWorld> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'trunkline-building-')))
  const home = homeAt({ TRUNKLINE_HOME: root })
  const source = sourceOf(repository)
  const another = (more: Partial<BuilderOptions> = {}) =>
    createBuilder({
      source,
      artifacts: noArtifacts,
      home,
      environment: process.env,
      clock: realClock,
      ...options,
      ...more,
    })
  return {
    home,
    source,
    builder: another(),
    another,
    async files(commit, ...paths) {
      const tree = [...(await source.tree(commit))]
      const isWanted = (path: string) => paths.some((wanted) => path === wanted || path.startsWith(`${wanted}/`))
      return tree.filter((entry) => paths.length === 0 || isWanted(entry.path))
    },
    [Symbol.asyncDispose]: () => removeTree(root),
  }
}

/** Builds that need no artifact never ask for one. */
const noArtifacts = {} as ArtifactStore

/** What a command said, and the context to give to the builder. */
export function listening(more: Partial<WorkContext> = {}): WorkContext & { lines: string[] } {
  const lines: string[] = []
  return { lines, log: (line) => lines.push(line), signal: new AbortController().signal, secrets: [], ...more }
}

const commonRequest = {
  service: 'carts',
  prepare: null,
  env: { set: {}, pass: [] },
  tools: {},
  needs: {},
  timeoutMs: 120_000,
}

// Any 64 hex digits do for a hash here.
export const hashOf = (text: string): InputHash => sha256(text) as InputHash

export const checkOf = (
  run: string,
  commit: CommitId,
  files: InputFile[],
  more: Partial<CheckRequest> = {},
): CheckRequest => ({
  ...commonRequest,
  ...{ check: 'test', run, hash: hashOf(run), commit, files },
  ...more,
})

export const buildOf = (
  run: string | null,
  commit: CommitId,
  files: InputFile[],
  more: Partial<BuildRequest> = {},
): BuildRequest => ({
  ...commonRequest,
  ...{
    recipe: { kind: 'bundle', from: '', include: ['dist/**'], exclude: [] },
    run,
    hash: hashOf(`${run}`),
    commit,
    files,
  },
  ...more,
})

export const prepareOf = (run: string, files: InputFile[], more: Partial<PrepareRequest> = {}): PrepareRequest => ({
  ...{ run, files, inputs: [], timeoutMs: 120_000, env: { set: {}, pass: [] }, hash: hashOf(run) },
  ...more,
})
