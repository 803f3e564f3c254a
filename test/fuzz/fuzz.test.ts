/** A bounded share of `npm run fuzz`, from the same seed each time; and inputs that once found a bug. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TrunklineError } from '../../src/model/index.ts'
import { fuzz, story } from './fuzz.ts'
import { randomFrom } from './random.ts'
import { shrink } from './shrink.ts'
import { kindAt, targets } from './targets/index.ts'
import { tryInput } from './try-input.ts'

const shares: Readonly<Record<string, number>> = { config: 3_000, refs: 8_000, records: 7_000, archives: 2_000 }

for (const { name } of targets) {
  test(`${shares[name]} hostile inputs to ${name} end well or with a clear error`, async () => {
    const { tried, failures } = await fuzz({ target: name, seed: 1, inputs: shares[name] ?? 0, first: 0, threads: 2 })
    assert.deepEqual(failures.map(story), [])
    assert.equal(tried, shares[name])
  })
}

test('the same seed makes the same inputs', async () => {
  for (const target of targets.filter(({ name }) => name !== 'archives')) {
    for (let index = 0; index < 30; index += 1) {
      const make = () => kindAt(target, index).make(randomFrom(7, index))
      assert.deepEqual(make(), make())
    }
  }
})

test('a bug is found, made small and told the same way each time', async () => {
  const kind = {
    name: 'a reader with a bug',
    make: () => '',
    run(input: string | Buffer) {
      if (input.toString().includes('x')) throw new RangeError('no x')
      if (input.toString().includes('y')) throw new TrunklineError('usage', 'NO_Y', ' ')
    },
  }
  const verdict = await tryInput(kind, 'aaaaxbbbb')
  assert.match(verdict ?? '', /^RangeError in .*: no x$/)
  assert.equal(await tryInput(kind, 'y'), 'NO_Y has no sentence')
  assert.equal(await tryInput(kind, 'z'), null)
  assert.equal(await shrink('aaaaxbbbb', async (input) => (await tryInput(kind, input)) === verdict, 100), 'x')
})
