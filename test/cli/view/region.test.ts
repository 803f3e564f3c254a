import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createRegion } from '../../../src/cli/view/region.ts'
import { Screen } from './screen.ts'

describe('a region of the terminal', () => {
  test('shows each frame whole, whatever was inserted, removed or changed since the one before', () => {
    const lines = fc.array(fc.constantFrom('', 'a', 'bb', 'a row as wide as this', 'carts', '✓ email'), {
      maxLength: 14,
    })
    fc.assert(
      fc.property(fc.array(lines, { minLength: 1, maxLength: 12 }), fc.nat(12), (frames, above) => {
        const screen = new Screen(21, 9)
        for (let row = 0; row < above; row += 1) screen.write('before\n')
        const region = createRegion(screen)
        for (const frame of frames) {
          region.draw(frame)
          // The row below it belongs to the cursor; of a frame that is too high the end counts.
          const shown = frame.slice(-8)
          assert.deepEqual(endOf(screen, shown.length + 1), [...shown, ''])
        }
        region.clear()
        assert.deepEqual(
          screen.all().filter((line) => line !== ''),
          Array.from({ length: above }, () => 'before'),
        )
      }),
    )
  })

  test('takes no more of what stands above it than it drew itself', () => {
    const screen = new Screen(40, 10)
    screen.write('$ trunkline deliver\n')
    const region = createRegion(screen)
    region.draw(['one', 'two', 'three'])
    region.draw(['one'])
    region.draw(['one', 'two'])
    region.leave()
    screen.write('after\n')
    assert.deepEqual(screen.visible(), ['$ trunkline deliver', 'one', 'two', 'after'])
  })

  test('writes nothing while nothing changes, and gives the cursor back', () => {
    const written: string[] = []
    const region = createRegion({ columns: 40, rows: 10, write: (text) => written.push(text) })
    const before = process.listenerCount('exit')
    region.draw(['one'])
    region.draw(['one'])
    assert.equal(written.length, 1)
    assert.match(written.join(), /\u001b\[\?25l/)
    region.clear()
    assert.match(written.join(), /\u001b\[\?25h$/)
    assert.equal(process.listenerCount('exit'), before)
  })
})

/** The last rows up to the cursor's. */
const endOf = (screen: Screen, rows: number): string[] => screen.all().slice(-rows)
