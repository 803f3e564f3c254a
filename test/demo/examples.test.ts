import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { demo } from '../../src/cli/commands/demo.ts'
import { stories } from '../../src/demo/index.ts'

test('each example that has a story is named by the help, and says in its README how it is told', async () => {
  const { readFile } = await import('node:fs/promises')
  for (const name of Object.keys(stories)) {
    assert.ok(demo.detail?.includes(name), `the help names ${name}`)
    const readme = fileURLToPath(new URL(`../../examples/${name}/README.md`, import.meta.url))
    assert.ok(existsSync(readme), readme)
    const command = name === 'microservices-shop' ? /trunkline demo/ : new RegExp(`demo (-- )?--example ${name}`)
    assert.match(await readFile(readme, 'utf8'), command)
  }
})
