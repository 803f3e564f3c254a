/** The project's git history, in memory; what a process sees of it is its clone, and what it can fetch. */
import { hash } from 'node:crypto'
import {
  type Actor,
  type Commit,
  type CommitId,
  type ObjectId,
  type PathChange,
  type RefName,
  type TreeEntry,
  usageError,
} from '../../src/model/index.ts'
import type { SourceRepository } from '../../src/ports/index.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import { type SimulatedRemote, unreachable } from './simulated-remote.ts'

export type Files = ReadonlyMap<string, string>

type StoredCommit = { commit: Commit; files: Files; tree: readonly TreeEntry[]; number: number }

export type SimulatedSource = {
  /** A commit that is on no ref yet. */
  commit(parent: CommitId | null, files: Files, author: Actor, subject: string): CommitId
  files(commit: CommitId): Files
  find(commit: CommitId): Commit
  isAncestor(ancestor: CommitId, descendant: CommitId): boolean
  /** The commit so many first parents back, or the first there is. */
  back(commit: CommitId, steps: number): CommitId
  /** How many commits there are. */
  count(): number
  /** As one process sees it: what was there when it cloned, and what it fetches. */
  repository(process: SimulatedProcess): SourceRepository
}

const latencyMs = [5, 120] as const

export function createSource(remote: SimulatedRemote): SimulatedSource {
  const commits = new Map<CommitId, StoredCommit>()
  const blobs = new Map<ObjectId, Uint8Array>()
  const oids = new Map<string, ObjectId>()
  const encoder = new TextEncoder()

  const blobOf = (content: string): ObjectId => {
    const known = oids.get(content)
    if (known !== undefined) return known
    const oid = hash('sha1', `blob ${content}`) as ObjectId // 40 hex digits
    oids.set(content, oid)
    blobs.set(oid, encoder.encode(content))
    return oid
  }
  const stored = (id: CommitId): StoredCommit => {
    const known = commits.get(id)
    if (known === undefined) throw usageError('UNKNOWN_REVISION', `there is no commit ${id.slice(0, 7)}`)
    return known
  }
  const find = (id: CommitId): Commit => stored(id).commit

  function isAncestor(ancestor: CommitId, descendant: CommitId): boolean {
    for (let id: CommitId | undefined = descendant; id !== undefined; id = find(id).parents[0]) {
      if (id === ancestor) return true
    }
    return false
  }
  const reachable = (): Set<CommitId> => {
    const found = new Set<CommitId>()
    for (const [ref, tip] of remote.refs) {
      if (!ref.startsWith('refs/heads/') && !ref.startsWith('refs/tags/')) continue
      for (let id: CommitId | undefined = tip; id !== undefined && !found.has(id); id = find(id).parents[0])
        found.add(id)
    }
    return found
  }

  function changesBetween(from: CommitId, to: CommitId): PathChange[] {
    const before = new Map(stored(from).tree.map((entry) => [entry.path, entry]))
    const after = new Map(stored(to).tree.map((entry) => [entry.path, entry]))
    const changes: PathChange[] = []
    for (const [path, entry] of after) {
      const old = before.get(path)
      if (old === undefined) changes.push({ path, kind: 'added', from: null, to: entry })
      else if (old.oid !== entry.oid) changes.push({ path, kind: 'modified', from: old, to: entry })
    }
    for (const [path, entry] of before) {
      if (!after.has(path)) changes.push({ path, kind: 'removed', from: entry, to: null })
    }
    return changes.sort((one, other) => (one.path < other.path ? -1 : 1))
  }

  return {
    find,
    isAncestor,
    files: (id) => stored(id).files,
    count: () => commits.size,
    commit(parent, files, author, subject) {
      const tree = [...files]
        .map(([path, content]): TreeEntry => ({ path, mode: 'file', oid: blobOf(content) }))
        .sort((one, other) => (one.path < other.path ? -1 : 1))
      const at = new Date(Date.UTC(2026, 0, 1) + commits.size * 60_000).toISOString()
      const treeId = hash('sha1', tree.map(({ path, oid }) => `${path} ${oid}`).join('\n')) as ObjectId // 40 hex digits
      const id = hash('sha1', `${parent} ${treeId} ${at} ${subject}`) as CommitId // 40 hex digits
      const signature = { ...author, at }
      const parents = parent === null ? [] : [parent]
      const commit: Commit = { id, tree: treeId, parents, author: signature, committer: signature, subject, body: '' }
      commits.set(id, { commit, files, tree, number: commits.size })
      return id
    },
    back(id, steps) {
      let found = id
      for (let step = 0; step < steps; step++) found = find(found).parents[0] ?? found
      return found
    },
    repository(process) {
      const cloned = reachable()
      const has = (id: CommitId): boolean => cloned.has(id)
      const mustHave = (id: CommitId): StoredCommit => {
        if (!has(id)) throw usageError('UNKNOWN_REVISION', `there is no commit ${id.slice(0, 7)} here`)
        return stored(id)
      }
      const ask = <Result>(signal: AbortSignal, effect: () => Result): Promise<Result> =>
        process.call({
          latencyMs,
          signal,
          lost: unreachable,
          effect: () => {
            if (remote.isAway) throw unreachable()
            return effect()
          },
        })
      return {
        async resolve(revision) {
          for (const name of [`refs/heads/${revision}`, `refs/tags/${revision}`, revision]) {
            const tip = remote.refs.get(name)
            if (tip !== undefined) return tip
          }
          for (const id of cloned) if (id.startsWith(revision)) return id
          throw usageError('UNKNOWN_REVISION', `there is no ${revision}`)
        },
        commit: async (id) => mustHave(id).commit,
        has: async (id) => has(id as CommitId),
        tree: async (id) => mustHave(id).tree,
        async readBlobs(wanted) {
          const found = new Map<ObjectId, Uint8Array>()
          for (const oid of wanted) {
            const bytes = blobs.get(oid)
            if (bytes !== undefined) found.set(oid, bytes)
          }
          return found
        },
        async readFile(id, path) {
          const content = mustHave(id).files.get(path)
          return content === undefined ? null : encoder.encode(content)
        },
        isAncestor: async (ancestor, descendant) => isAncestor(ancestor, descendant),
        async commitsBetween(from, to, limit) {
          const between: Commit[] = []
          for (let id: CommitId | undefined = to; id !== undefined && id !== from; id = find(id).parents[0]) {
            if (between.length >= limit) break
            between.push(find(id))
          }
          return between
        },
        changes: async (from, to) => changesBetween(from, to),
        remoteRefs: (wanted, signal) =>
          ask(signal, () => {
            const tips = new Map<RefName, CommitId>()
            for (const ref of ['refs/heads/main', ...wanted]) {
              const tip = remote.refs.get(ref)
              if (tip !== undefined) tips.set(ref, tip)
            }
            return { head: 'refs/heads/main', tips }
          }),
        remoteTip: (ref, signal) => ask(signal, () => remote.refs.get(ref) ?? null),
        async ensureCommit(id, ref, signal) {
          if (has(id)) return
          await ask(signal, () => {
            for (const known of reachable()) cloned.add(known)
            if (has(id)) return
            throw usageError('UNKNOWN_COMMIT', `commit ${id.slice(0, 7)} of ${ref} is not at the remote`, {
              hint: 'Was it pushed? A force push may have removed it.',
            })
          })
        },
      }
    },
  }
}
