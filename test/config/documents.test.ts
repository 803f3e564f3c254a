import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { generateDocs } from '../../scripts/generate-docs.ts'
import { projectJsonSchema } from '../../src/config/index.ts'

describe('documents made from the schema', () => {
  for (const path of ['trunkline.schema.json', 'configuration.md']) {
    it(`docs/${path} is up to date: else run bin/node scripts/generate-docs.ts`, async () => {
      const stored = await readFile(new URL(`../../docs/${path}`, import.meta.url), 'utf8')
      assert.equal(stored, (await generateDocs())[path])
    })
  }

  it('every key has a description', () => {
    const undescribed: string[] = []
    visit(projectJsonSchema(), '')
    assert.deepEqual(undescribed, [])

    function visit(schema: unknown, path: string): void {
      if (typeof schema !== 'object' || schema === null) return
      for (const [key, member] of Object.entries(schema)) {
        if (key === 'properties') {
          for (const [name, property] of Object.entries(member)) {
            const isDescribed =
              typeof property === 'object' && property !== null && ('description' in property || '$ref' in property)
            if (!isDescribed) undescribed.push(`${path}/${name}`)
          }
        }
        visit(member, `${path}/${key}`)
      }
    }
  })
})
