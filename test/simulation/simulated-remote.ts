/** The git host: branches, tags and state refs in one place, moved by compare-and-swap, several at once or none. */
import { hash } from 'node:crypto'
import { type CommitId, erroredError, type ObjectId, type RefName, type TrunklineError } from '../../src/model/index.ts'
import type { PushResult, StateCommit, StateCommitEntry, StateStore, StateUpdate } from '../../src/ports/index.ts'
import type { Chronicle } from './chronicle.ts'
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
}

export type SimulatedRemote = {
  readonly refs: ReadonlyMap<RefName, CommitId>
  readonly stateCommits: ReadonlyMap<CommitId, StoredStateCommit>
  isAway: boolean
  /** Moves a branch or tag, as `git push` of a person does. */
  move(ref: RefName, to: CommitId | null, by: number): void
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

  function store(commit: StateCommit, parent: CommitId | null): CommitId {
    const files = new Map(parent === null ? [] : stateCommits.get(parent)?.files)
    for (const [path, text] of Object.entries(commit.put)) files.set(path, text)
    for (const path of commit.remove) files.delete(path)
    const message = `${commit.subject}\n\n${commit.body}\n\n${commit.trailers.map(([name, value]) => `${name}: ${value}`).join('\n')}`
    const content = Object.entries(commit.put).flat().join('\0')
    // As in git, the same content is the same commit; dates there have whole seconds.
    const identity = `${parent}\0${message}\0${commit.author.email}\0${commit.at.slice(0, 19)}\0${content}`
    const id = hash('sha1', identity) as CommitId // 40 hex digits
    stateCommits.set(id, { id, parent, put: commit.put, files, subject: commit.subject, message, at: commit.at })
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
      const signature = { name: '', email: '', at: commit.at }
      entries.push({
        id,
        tree: id as ObjectId,
        parents: commit.parent === null ? [] : [commit.parent],
        author: signature,
        committer: signature,
        subject: commit.subject,
        body: commit.message,
        files,
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
