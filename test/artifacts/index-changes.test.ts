import assert from 'node:assert/strict'
import { test } from 'node:test'
import { digestOfBytes } from '../../src/artifacts/digest.ts'
import { createIndexChanges } from '../../src/artifacts/oci-layout/index-changes.ts'
import type { LayoutIndex } from '../../src/artifacts/oci-layout/layout-index.ts'
import type { Descriptor } from '../../src/ports/index.ts'

const entry = (name: string): Descriptor => ({
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  digest: digestOfBytes(Buffer.from(name)),
  size: name.length,
})
const adding = (name: string) => (index: LayoutIndex) => [...index, entry(name)]

/** An index in memory, whose lock a test may hold. */
function openIndex() {
  const written: LayoutIndex[] = []
  let free = Promise.resolve()
  const changes = createIndexChanges({
    async locked(signal, work) {
      const stopped = new Promise<never>((_, fail) => {
        signal.addEventListener('abort', () => fail(new Error('nobody waits any more')), { once: true })
      })
      await Promise.race([free, stopped])
      await work()
    },
    read: async () => written.at(-1) ?? null,
    async write(index) {
      await new Promise(setImmediate)
      written.push(index)
    },
    async check(digest) {
      if (digest === entry('lost').digest) throw new Error('it is gone')
    },
  })
  return {
    changes,
    written,
    hold() {
      let release = () => {}
      free = new Promise((resolve) => {
        release = resolve
      })
      return () => release()
    },
  }
}

const signal = new AbortController().signal

test('changes that come while one is under way are written together, in the order in which they came', async () => {
  const { changes, written } = openIndex()
  const names = Array.from({ length: 100 }, (_, number) => `carts-${number}`)
  await Promise.all(names.map((name) => changes.make({ change: adding(name), needed: [], signal })))
  assert.equal(written.length, 2, 'the first by itself, all others with the second')
  assert.deepEqual(written.at(-1), names.map(entry))
})

test('what is missing for one of them fails that one alone', async () => {
  const { changes, written } = openIndex()
  const [first, lost, last] = await Promise.allSettled([
    changes.make({ change: adding('first'), needed: [], signal }),
    changes.make({ change: adding('of lost'), needed: [entry('lost').digest], signal }),
    changes.make({ change: adding('last'), needed: [], signal }),
  ])
  assert.deepEqual([first.status, lost.status, last.status], ['fulfilled', 'rejected', 'fulfilled'])
  assert.deepEqual(written.at(-1), [entry('first'), entry('last')])
})

test('who is cancelled takes nobody else along, and where all are nobody waits for the lock', async () => {
  const { changes, written, hold } = openIndex()
  const release = hold()
  const one = new AbortController()
  const waits = changes.make({ change: adding('one'), needed: [], signal: one.signal })
  one.abort()
  await assert.rejects(waits)
  const two = new AbortController()
  const both = [two.signal, signal].map((each) => changes.make({ change: adding('two'), needed: [], signal: each }))
  two.abort()
  release()
  const [cancelled, made] = await Promise.allSettled(both)
  assert.deepEqual([cancelled?.status, made?.status], ['rejected', 'fulfilled'])
  assert.deepEqual(written, [[entry('two')]])
})
