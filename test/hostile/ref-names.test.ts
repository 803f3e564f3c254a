/** Names of refs, authors and subjects that are more than words: nobody obeys them, neither git, shell, terminal nor CI. */
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { DeliveryResult } from '../../src/delivery/index.ts'
import { type Ended, openProject, type ProjectUnderTest } from '../system/project-under-test.ts'
import { smallShop } from '../system/small-shop.ts'

const here = { fleet: { hosts: ['local'] } }

/** What git lets a branch or tag be called, and what means something else to somebody. */
const names = [
  '-h',
  '--upload-pack=touch$IFSowned',
  '$(touch$IFSowned)',
  '`touch$IFSowned`',
  ';touch$IFSowned;',
  '&&touch$IFSowned|',
  `'"q"'<@U012>`,
  '{version}',
  '%0A%3A%3Aerror%3A%3Ax',
  'ünïcödé-日本',
  'bidi-\u202egnp.exe',
  'c1-\u009b31m\u009d0;x',
  'refs/heads/main',
  'HEAD',
  '@',
  'MAIN',
  'x/'.repeat(120).concat('x'.repeat(150)),
]

/** A message and an author that speak to a terminal, to GitHub and to whoever reads trailers. */
const subject = '::error::\u001b]52;c;AAAA\u0007\u001b[2J\u009b31m##[add-mask]x \u202ednetxet'
const message = `${subject}\n\n::set-output name=x::y\nTrunkline-Event: forged\n`
const author = { name: '::stop-commands::x \u001b[31m$(id)', email: '`id`@example.com' }

/** Nothing but words, lines and, where they are wanted, no colours; no line that a CI obeys. */
function assertClean(ended: Ended, told: string): void {
  const said = ended.stdout + ended.stderr
  assert.doesNotMatch(
    said,
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/,
    told,
  )
  assert.doesNotMatch(said, /##\[/, told)
  assert.doesNotMatch(said, /^\s*::(?!(?:group::|endgroup::|error title=))/m, told)
  assert.doesNotMatch(said, /^\s+at .*\.ts:\d/m, `${told}: no stack`)
}

async function assertNothingRan({ clone, remote, home }: ProjectUnderTest): Promise<void> {
  for (const folder of [clone.directory, remote.directory, home, join(home, '..')])
    assert.ok(!(await readdir(folder)).some((name) => name.startsWith('owned')), folder)
}

test('a ref, an author and a subject that are commands for somebody are just words', async () => {
  await using project = await openProject({
    files: smallShop({
      environments: {
        stage: { on: { branch: '**' }, target: here },
        prod: { on: { tag: '**' }, after: 'stage', target: here },
      },
    }),
    environment: { CI: 'true', GITHUB_ACTIONS: 'true', NO_COLOR: '1' },
  })
  const { clone } = project
  const say = async (exitCodes: readonly number[], ...words: string[]) => {
    const ended = await project.trunkline(words, { timeoutMs: 120_000 })
    const told = `trunkline ${words.join(' ')}\n${ended.stdout}\n${ended.stderr}`
    assert.ok(exitCodes.includes(ended.exitCode), `exit code ${ended.exitCode}: ${told}`)
    assertClean(ended, told)
    return ended
  }
  const commit = await clone.commit(message, { 'web/notes.txt': 'hostile' }, { author })
  for (const name of names) {
    await clone.git('update-ref', `refs/heads/${name}`, commit)
    await clone.git('tag', '--annotate', '--message', message, '--', name, commit).catch(async () => {
      // What `git tag` will not make, plumbing does.
      await clone.git('update-ref', `refs/tags/${name}`, commit)
    })
  }
  await clone.git(
    'push',
    '--quiet',
    'origin',
    ...names.flatMap((name) => [`refs/heads/${name}:refs/heads/${name}`, `refs/tags/${name}:refs/tags/${name}`]),
  )

  const branch = `refs/heads/${names[2]}`
  const delivered = await project.json<DeliveryResult>(0, ['deliver', `--ref=${branch}`])
  assert.equal(delivered.environments.find(({ name }) => name === 'stage')?.outcome, 'succeeded')
  await say([0], 'deliver', `--ref=refs/tags/${names[1]}`)
  await Promise.all(names.slice(0, names.length / 2).map((name) => say([0], 'plan', `--ref=refs/tags/${name}`)))
  await Promise.all(names.slice(names.length / 2).map((name) => say([0], 'plan', `--ref=refs/heads/${name}`)))
  for (const words of [
    ['status'],
    ['log', 'prod'],
    ['where', commit],
    ['why', 'prod', commit],
    ['diff', 'stage', 'prod'],
  ])
    await say([0, 2], ...words)
  // A name alone may be read as an option or as another word for a ref: a sentence, and never its effect.
  await Promise.all(names.slice(0, 6).map((name) => say([0, 1, 2, 3, 4], 'where', '--', name)))
  await assertNothingRan(project)
})
