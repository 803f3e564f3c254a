/** Which refs feed which environments, and what their names capture. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { inUpstreamOrder, matchPattern, matchRoutes, versionOf } from '../../src/planning/index.ts'
import { policy } from './releases.ts'

const segment = fc.stringMatching(/^[A-Za-z0-9._+()$^|?-]{1,8}$/)
const name = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => segments.join('/'))

describe('routes', () => {
  test('a pattern without stars or braces matches itself and nothing else, whatever characters it has', () => {
    fc.assert(
      fc.property(name, name, (pattern, other) => {
        assert.deepEqual(matchPattern(pattern, pattern), {})
        if (other !== pattern) assert.equal(matchPattern(pattern, other), null)
      }),
    )
  })

  test('`*` stays within one segment, `**` crosses them', () => {
    fc.assert(
      fc.property(segment, name, (first, rest) => {
        assert.notEqual(matchPattern('**', `${first}/${rest}`), null)
        assert.equal(matchPattern('*', `${first}/${rest}`), null)
        assert.notEqual(matchPattern(`${first}/**`, `${first}/${rest}`), null)
        assert.notEqual(matchPattern('*', first), null)
      }),
    )
  })

  test('a capture gives back the part of the name it stood for', () => {
    fc.assert(
      fc.property(segment, segment, (one, two) => {
        assert.deepEqual(matchPattern('releases/{version}-stag', `releases/${one}-stag`), { version: one })
        assert.deepEqual(matchPattern('{a}/{b}', `${one}/${two}`), { a: one, b: two })
        assert.equal(matchPattern('releases/{version}-stag', `releases/${one}/${two}-stag`), null)
      }),
    )
    assert.equal(matchPattern('releases/{version}', 'releases/'), null, 'a capture is never empty')
  })

  test('branches and tags of one name are told apart, and an environment is fed once by one ref', () => {
    const environments = [
      policy('stage', { routes: [{ kind: 'branch', pattern: 'v1', reachableFrom: null }] }),
      policy('prod', {
        routes: [
          { kind: 'tag', pattern: 'v*', reachableFrom: 'main' },
          { kind: 'tag', pattern: 'v{version}', reachableFrom: null },
        ],
      }),
    ]
    const fed = (ref: string) => matchRoutes(environments, ref).map((match) => match.environment.name)
    assert.deepEqual(fed('refs/heads/v1'), ['stage'])
    assert.deepEqual(fed('refs/tags/v1'), ['prod'])
    assert.equal(matchRoutes(environments, 'refs/tags/v1')[0]?.route.reachableFrom, 'main', 'the first route counts')
    assert.deepEqual(fed('refs/notes/v1'), [])
  })

  test('a deployment is called by its captured version, its tag, or its short commit', () => {
    const commit = 'abcdef1234567890'
    assert.equal(versionOf('refs/heads/releases/1.2-stag', { version: '1.2' }, commit), '1.2')
    assert.equal(versionOf('refs/tags/v1', {}, commit), 'v1')
    assert.equal(versionOf('refs/heads/main', {}, commit), 'abcdef1')
    assert.equal(versionOf(null, {}, commit), 'abcdef1')
  })

  test('upstream comes before downstream, and none is lost', () => {
    // Each may only come after those with smaller numbers, so there are no cycles; then the order is shuffled.
    const graph = fc
      .integer({ min: 1, max: 8 })
      .chain((count) =>
        fc.tuple(
          ...Array.from({ length: count }, (_, index) =>
            fc
              .subarray(Array.from({ length: index }, (_unused, before) => `e${before}`))
              .map((after) => ({ name: `e${index}`, after })),
          ),
        ),
      )
      .chain((environments) => fc.shuffledSubarray(environments, { minLength: environments.length }))
    fc.assert(
      fc.property(graph, (environments) => {
        const ordered = inUpstreamOrder(environments).map((environment) => environment.name)
        assert.deepEqual([...ordered].sort(), environments.map((environment) => environment.name).sort())
        for (const { name: downstream, after } of environments) {
          for (const upstream of after) assert.ok(ordered.indexOf(upstream) < ordered.indexOf(downstream))
        }
      }),
    )
  })
})
