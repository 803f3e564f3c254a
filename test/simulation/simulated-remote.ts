/** The git host: branches, tags and state refs in one place, moved by compare-and-swap, several at once or none. */
import { hash } from 'node:crypto'
import { type CommitId, erroredError, type ObjectId, type RefName, type TrunklineError } from '../../src/model/index.ts'
import type { PushResult, StateCommit, StateCommitEntry, StateStore, StateUpdate } from '../../src/ports/index.ts'
import type { Chronicle } from './chronicle.ts'
import { isSimulatedKey } from './keys.ts'
import type { Sabotage } from './sabotage.ts'
import type { Scheduler } from './scheduler.ts'
import type { SimulatedProcess } from './simulated-process.ts'

/** A commit of a state ref. */
export type StoredStateCommit = {
  id: CommitId
  parent: CommitId | null
  /** What this commit wrote. */
  put: Record<string, string>
  /** All there is with it. */
  files: ReadonlyMap<string, string>
  subject: string
  message: string
  at: string
  /** Over all that identifies it. */
  signature: { armored: string; payload: Buffer } | null
  isForged: boolean
}

/** Who pushes by hand has no process. */
export const forger = -2

export type SimulatedRemote = {
  readonly refs: ReadonlyMap<RefName, CommitId>
  readonly stateCommits: ReadonlyMap<CommitId, StoredStateCommit>
  isAway: boolean
  /** Moves a branch or tag, as `git push` of a person does. */
  move(ref: RefName, to: CommitId | null, by: number): void
  /** Pushes a commit onto a state ref by hand, with a signature that was copied from another where one is given. */
  forge(ref: RefName, commit: StateCommit, copied: string | null): CommitId
  stateStore(process: SimulatedProcess): StateStore
}

export const unreachable = (): TrunklineError =>
  erroredError('STATE_UNREACHABLE', 'the remote does not answer', { hint: 'try again' })

const latencyMs = [5, 120] as const

export function createRemote(scheduler: Scheduler, chronicle: Chronicle, sabotage: Sabotage | null): SimulatedRemote {
  const refs = new Map<RefName, CommitId>()
  const stateCommits = new Map<CommitId, StoredStateCommit>()

  const setRef = (ref: RefName, to: CommitId | null, by: number): void => {
    const from = refs.get(ref) ?? null
    if (to === null) refs.delete(ref)
    else refs.set(ref, to)
    chronicle.refs.push({ atMs: scheduler.nowMs(), process: by, ref, from, to })
  }
  const answerOrThrow = (): void => {
    if (remote.isAway) throw unreachable()
  }

  type Forged = { isForged: boolean; copied: string | null }
  const honest: Forged = { isForged: false, copied: null }

  function store(commit: StateCommit, parent: CommitId | null, { isForged, copied } = honest): CommitId {
    const base = commit.base === undefined ? parent : commit.base
    const files = new Map(base === null ? [] : stateCommits.get(base)?.files)
    for (const [path, text] of Object.entries(commit.put)) files.set(path, text)
    for (const path of commit.remove) files.delete(path)
    const message = `${commit.subject}\n\n${commit.body}\n\n${commit.trailers.map(([name, value]) => `${name}: ${value}`).join('\n')}`
    const content = Object.entries(commit.put).flat().join('\0')
    // As in git, the same content is the same commit; dates there have whole seconds.
    const from = base === parent ? '' : `\0${base}`
    const identity = `${parent}\0${message}\0${commit.author.email}\0${commit.at.slice(0, 19)}\0${content}${from}`
    const armored = copied ?? (isSimulatedKey(commit.signer) ? commit.signer.signNow(identity) : null)
    const id = hash('sha1', armored === null ? identity : `${identity}\0${armored}`) as CommitId // 40 hex digits
    const signature = armored === null ? null : { armored, payload: Buffer.from(identity) }
    const { put, subject, at } = commit
    stateCommits.set(id, { id, parent, put, files, subject, message, at, signature, isForged })
    return id
  }

  function push(updates: readonly StateUpdate[], by: number): PushResult {
    answerOrThrow()
    const isRefused = updates.some(({ ref, expected }) => (refs.get(ref) ?? null) !== expected)
    if (isRefused && !sabotage?.pushesOver?.(updates)) return { kind: 'lost-race' }
    const tips = new Map<RefName, CommitId | null>()
    for (const { ref, expected, change } of updates) {
      let tip: CommitId | null = null
      if (change.kind === 'replace') tip = store(change.commit, null)
      if (change.kind === 'append') {
        tip = expected
        for (const commit of change.commits) tip = store(commit, tip)
      }
      tips.set(ref, tip)
      if (sabotage?.dropsPush?.(ref)) continue
      setRef(ref, tip, by)
    }
    return { kind: 'pushed', tips }
  }

  function history(tip: CommitId, limit: number, names: readonly string[]): StateCommitEntry[] {
    const entries: StateCommitEntry[] = []
    for (let id: CommitId | null = tip; id !== null && entries.length < limit; ) {
      const commit: StoredStateCommit | undefined = stateCommits.get(id)
      if (commit === undefined) break
      const files: Record<string, string> = {}
      for (const name of names) {
        const text = commit.files.get(name)
        if (text !== undefined) files[name] = text
      }
      const author = { name: '', email: '', at: commit.at }
      entries.push({
        id,
        tree: id as ObjectId,
        parents: commit.parent === null ? [] : [commit.parent],
        author,
        committer: author,
        subject: commit.subject,
        body: commit.message,
        files,
        signature: commit.signature,
      })
      id = commit.parent
    }
    return entries
  }

  const remote: SimulatedRemote = {
    refs,
    stateCommits,
    isAway: false,
    move: setRef,
    forge(ref, commit, copied) {
      const id = store(commit, refs.get(ref) ?? null, { isForged: true, copied })
      setRef(ref, id, forger)
      return id
    },
    stateStore: (process) => ({
      location: 'https://git.example/shop.git',
      refresh: (wanted, signal) =>
        process.call({
          latencyMs,
          signal,
          lost: unreachable,
          effect: () => {
            answerOrThrow()
            const tips = new Map<RefName, CommitId>()
            for (const [ref, tip] of refs) {
              if (wanted.some((name) => (name.endsWith('/') ? ref.startsWith(name) : ref === name))) tips.set(ref, tip)
            }
            return tips
          },
        }),
      async readFiles(commit, paths) {
        const known = stateCommits.get(commit)?.files
        const found = new Map<string, string>()
        for (const path of paths) {
          const text = known?.get(path)
          if (text !== undefined) found.set(path, text)
        }
        return found
      },
      async listFiles(commit, folder) {
        return [...(stateCommits.get(commit)?.files.keys() ?? [])].filter((path) => path.startsWith(`${folder}/`))
      },
      history: async (tip, { limit, files }) => history(tip, limit, files),
      push: (updates, signal) =>
        process.call({
          latencyMs,
          signal,
          lost: unreachable,
          mayRepeat: true,
          mayBeLate: true,
          effect: () => push(updates, process.id),
        }),
    }),
  }
  return remote
}
