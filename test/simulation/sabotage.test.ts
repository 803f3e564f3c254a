/** The checkers can fail: each promise is broken on purpose, and the checker that watches it says so. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checkHistory } from './checkers/index.ts'
import { mutations } from './sabotages.ts'
import { asideOfPromises } from './scheduler.ts'
import { simulateHistory } from './simulate-history.ts'
import { type Story, writeStory } from './story.ts'

/** A break that takes a rare meeting of events may need many histories to show. */
const maxHistories = 200

function* storiesOf(count: number): Iterable<Story> {
  for (let seed = 1; seed <= count; seed++) yield writeStory(seed, 10)
}

describe('the checkers notice when', () => {
  for (const { what, breaks, sabotage, stories } of mutations) {
    test(`${what} (${typeof breaks === 'number' ? `invariant ${breaks}` : breaks})`, async () => {
      const seen = new Set<string>()
      for (const story of stories ?? storiesOf(maxHistories)) {
        const violations = await asideOfPromises(() => checkHistory(simulateHistory(story, sabotage)))
        if (violations.some(({ invariant }) => invariant === breaks)) return
        for (const { invariant, text } of violations) seen.add(`${invariant}: ${text.slice(0, 80)}`)
      }
      assert.fail(
        `nothing was noticed in ${maxHistories} histories but: ${[...seen].slice(0, 10).join('; ') || 'nothing'}`,
      )
    })
  }
})
