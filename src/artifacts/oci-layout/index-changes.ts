/**
 * Changes of `index.json`. Those that come while another is under way are made together: a release that names a hundred
 * artifacts writes the index a few times, not a hundred.
 */
import type { Digest } from '../../model/index.ts'
import { throwIfAborted } from '../artifact-errors.ts'
import type { LayoutIndex } from './layout-index.ts'

export type IndexChange = {
  /** Pure; the index itself where nothing changes. */
  change(index: LayoutIndex): LayoutIndex
  /** Must be there, whole, when the change is made. */
  needed: readonly Digest[]
  signal: AbortSignal
}

export type IndexChanges = {
  /** On disk when it answers. What fails for one of those that go together fails for it alone. */
  make(change: IndexChange): Promise<void>
}

type IndexPlace = {
  locked(signal: AbortSignal, work: () => Promise<void>): Promise<void>
  read(): Promise<LayoutIndex | null>
  write(index: LayoutIndex): Promise<void>
  /** Throws where it is not whole. */
  check(digest: Digest): Promise<void>
}

type Waiting = IndexChange & { done(): void; failed(error: unknown): void }

export function createIndexChanges({ locked, read, write, check }: IndexPlace): IndexChanges {
  let waiting: Waiting[] = []
  let isWriting = false

  /** Those whose needs are met; the others hear of it. */
  async function possible(asked: readonly Waiting[]): Promise<Waiting[]> {
    const found: Waiting[] = []
    for (const each of asked) {
      try {
        throwIfAborted(each.signal)
        for (const digest of each.needed) await check(digest)
        found.push(each)
      } catch (error) {
        each.failed(error)
      }
    }
    return found
  }

  async function makeAll(asked: readonly Waiting[]): Promise<void> {
    const { signal, forget } = whenAllGaveUp(asked)
    try {
      await locked(signal, async () => {
        const made = await possible(asked)
        const before = await read()
        const after = made.reduce<LayoutIndex>((index, { change }) => change(index), before ?? [])
        // Where there was none, an empty one is made.
        if (made.length > 0 && after !== before) await write(after)
        for (const { done } of made) done()
      })
    } catch (error) {
      for (const { failed } of asked) failed(error)
    } finally {
      forget()
    }
  }

  async function work(): Promise<void> {
    if (isWriting) return
    isWriting = true
    try {
      while (waiting.length > 0) {
        const asked = waiting
        waiting = []
        await makeAll(asked)
      }
    } finally {
      isWriting = false
    }
  }

  return {
    make: (change) =>
      new Promise((done, failed) => {
        waiting.push({ ...change, done, failed })
        void work()
      }),
  }
}

/** Who is cancelled takes nobody else's change along. */
function whenAllGaveUp(asked: readonly { signal: AbortSignal }[]): { signal: AbortSignal; forget(): void } {
  const all = new AbortController()
  const look = () => {
    if (asked.every(({ signal }) => signal.aborted)) all.abort()
  }
  for (const { signal } of asked) signal.addEventListener('abort', look)
  look()
  return {
    signal: all.signal,
    forget() {
      for (const { signal } of asked) signal.removeEventListener('abort', look)
    },
  }
}
