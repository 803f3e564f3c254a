/**
 * Stories that found a bug, shrunk: each broke what is promised before the bug was mended. They are data, not seeds, so
 * that they stay what they are when stories come to be written otherwise.
 */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, test } from 'node:test'
import { checkHistory } from './checkers/index.ts'
import { asideOfPromises } from './scheduler.ts'
import { simulateHistory } from './simulate-history.ts'
import type { Story } from './story.ts'
import { tell } from './tell.ts'

type Found = { bug: string; story: Story }

const folder = join(import.meta.dirname, 'found')

describe('what simulation found stays mended', () => {
  for (const file of globSync(join(folder, '*.json')).sort()) {
    const { bug, story }: Found = JSON.parse(readFileSync(file, 'utf8'))
    test(`${basename(file, '.json')}: ${bug}`, async () => {
      const told = await asideOfPromises(() => {
        const history = simulateHistory(story)
        const violations = checkHistory(history)
        return violations.length === 0 ? null : tell(history, violations)
      })
      assert.equal(told, null, told ?? '')
    })
  }
})
