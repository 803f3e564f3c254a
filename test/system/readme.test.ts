import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, it } from 'node:test'
import { runProcess } from '../../src/process/index.ts'
import { openProject, trunklineProgram } from './project-under-test.ts'

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')

/** Fenced blocks of one language, in the order of the page. */
const blocks = (language: string): string[] =>
  [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map((match) => match[1] ?? '')

const [configuration = ''] = blocks('yaml')
const walkthrough = blocks('sh').find((block) => block.includes('trunkline deliver')) ?? ''
/** What the page says before `#`. */
const commands = walkthrough
  .split('\n')
  .map((line) => line.replace(/\s+#.*$/, '').trim())
  .filter((line) => line !== '')

const server = `require('node:http')
  .createServer((request, response) => response.end('hello from ' + request.url))
  .listen(process.env.PORT, '127.0.0.1')
`

describe('the README', () => {
  it('shows how to see it and how to test it first', () => {
    const [demo, tests] = blocks('sh')
    assert.match(demo ?? '', /^npm ci && npm run demo$/m)
    assert.match(tests ?? '', /^npm ci && npm test$/m)
  })

  it('has a configuration and commands that work on a repository of its reader, line by line', async () => {
    assert.ok(commands.length > 8, 'the walkthrough is there')
    await using project = await openProject({
      files: { 'trunkline.yaml': configuration, 'services/web/main.js': server },
    })
    for (const command of commands) {
      const [program = '', ...words] = command.split(/\s+/)
      const ended = await runProcess({
        argv: [program, ...words],
        cwd: project.clone.directory,
        env: { ...project.environment, PATH: `${dirname(trunklineProgram)}:${process.env['PATH'] ?? ''}` },
        timeoutMs: 120_000,
      })
      assert.equal(ended.exitCode, 0, `${command}\n${ended.stdout.toString('utf8')}\n${ended.stderr}`)
    }
    assert.match(await (await fetch(await project.address('prod', 'web'))).text(), /hello from/)
  })

  it('names files that exist', () => {
    for (const [, path = ''] of readme.matchAll(/\]\((?!https?:)([^)#]+)/g)) {
      assert.ok(existsSync(new URL(`../../${path}`, import.meta.url)), path)
    }
  })
})
