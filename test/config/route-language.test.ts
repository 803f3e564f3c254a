import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { isCovered } from '../../src/config/checks/route-language.ts'
import { matchPattern } from '../../src/planning/routes.ts'

it('a pattern is covered when the ones before match all that it does', () => {
  const covered: Array<[string, string[]]> = [
    ['v1.2', ['v*']],
    ['v1.*', ['v*']],
    ['v{major}', ['v*']],
    ['release/{a}/x', ['release/**']],
    ['*', ['**']],
    ['*a*', ['*']],
    ['{x}', ['*']],
    ['a*', ['a', 'a{x}']],
    ['{x}-{y}', ['*-*']],
  ]
  for (const [pattern, earlier] of covered) assert.ok(isCovered(pattern, earlier), `${pattern} by ${earlier}`)
})

it('a pattern is not covered when it matches something of its own', () => {
  const free: Array<[string, string[]]> = [
    ['v*', ['v1.*']],
    ['v*', ['v{major}']],
    ['**', ['*']],
    ['release/**', ['release/*']],
    ['a*', ['a{x}']],
    ['main', ['master']],
    ['*', []],
  ]
  for (const [pattern, earlier] of free) assert.ok(!isCovered(pattern, earlier), `${pattern} by ${earlier}`)
})

it('coverage agrees with matching', () => {
  const part = fc.constantFrom('a', 'b', '/', '*', '**', '{x}')
  const pattern = fc
    .array(part, { minLength: 1, maxLength: 4 })
    // Captures need names of their own, and three stars in a row are no pattern.
    .map((parts) => parts.map((text, index) => (text === '{x}' ? `{x${index}}` : text)).join(''))
    .filter((text) => !text.includes('***'))
  const name = fc.array(fc.constantFrom('a', 'b', 'c', '/'), { maxLength: 6 }).map((letters) => letters.join(''))
  fc.assert(
    fc.property(
      pattern,
      fc.array(pattern, { maxLength: 3 }),
      fc.array(name, { minLength: 30, maxLength: 30 }),
      (wanted, earlier, names) => {
        const own = names.filter(
          (text) => matchPattern(wanted, text) !== null && earlier.every((other) => matchPattern(other, text) === null),
        )
        if (isCovered(wanted, earlier)) assert.deepEqual(own, [])
      },
    ),
    { numRuns: 300 },
  )
})
