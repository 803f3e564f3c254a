/** The words of the command line: help, mistakes, and where output goes. */
import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { describe, test } from 'node:test'
import { commandGroups, commands } from '../../src/cli/commands/index.ts'
import { programVersion } from '../../src/program/index.ts'
import { runRecorded } from './recorded-io.ts'

const shown = Object.keys(commands).filter((name) => !name.startsWith('__'))

describe('help', () => {
  test('stands on standard output, lists every command in a group, and is no error', async () => {
    const bare = await runRecorded([])
    const asked = await runRecorded(['--help'])
    assert.deepEqual(bare, asked)
    assert.equal(asked.exitCode, 0)
    assert.equal(asked.stderr, '')
    for (const name of shown) assert.match(asked.stdout, new RegExp(`^ {2}${name}\\b`, 'm'))
    assert.doesNotMatch(asked.stdout, /__complete|Commands:/)
    assert.deepEqual(Object.values(commandGroups).flat().toSorted(), shown.toSorted())
  })

  for (const name of shown) {
    test(`${name} --help says what it does, takes and prints`, async () => {
      const { exitCode, stdout, stderr } = await runRecorded([name, '--help'])
      assert.equal(exitCode, 0)
      assert.equal(stderr, '')
      assert.match(stdout, new RegExp(`^Usage: trunkline ${name} `))
      assert.match(stdout, /--json/)
      const command = await commands[name]?.()
      for (const argument of command?.arguments ?? []) assert.ok(stdout.includes(argument.summary), argument.name)
      for (const option of command?.options ?? []) assert.ok(stdout.includes(option.flags), option.flags)
      assert.ok(stdout.replace(/\s+/g, ' ').includes(command?.summary ?? '?'))
    })
  }

  test('--version is a version and nothing else', async () => {
    assert.deepEqual(await runRecorded(['--version']), { exitCode: 0, stdout: `${programVersion}\n`, stderr: '' })
  })
})

describe('mistakes in the words', () => {
  const cases: ReadonlyArray<readonly [words: string[], sentence: RegExp, hint: RegExp]> = [
    [['delvier'], /unknown command 'delvier'/, /did you mean deliver\?/],
    [['xyzzy'], /unknown command 'xyzzy'/, /trunkline --help/],
    [['deploy'], /missing required argument 'env'/, /trunkline deploy --help/],
    [['diff'], /missing required argument/, /trunkline diff --help/],
    [['deploy', 'stage', 'main', 'more'], /too many arguments/, /trunkline deploy --help/],
    [['deliver', '--rev', 'main'], /unknown option '--rev'/, /did you mean --ref\?/],
    [['deliver', '--ref'], /argument missing/, /trunkline deliver --help/],
    [['--verbose'], /unknown option '--verbose'/, /trunkline --help/],
    [['completion', 'tcsh'], /no completion for tcsh/, /bash, zsh, fish/],
  ]
  for (const [words, sentence, hint] of cases) {
    test(`\`trunkline ${words.join(' ')}\` exits 2 and says what was meant`, async () => {
      const [first = '', ...rest] = words
      const told = await runRecorded(words, { cwd: tmpdir() })
      assert.equal(told.exitCode, 2)
      assert.equal(told.stdout, '')
      assert.match(told.stderr, sentence)
      assert.match(told.stderr, hint)
      const { exitCode, stdout, stderr } = await runRecorded([first, '--json', ...rest], { cwd: tmpdir() })
      assert.equal(exitCode, 2)
      assert.equal(stderr, '')
      const { error } = JSON.parse(stdout)
      assert.deepEqual(Object.keys(error), ['code', 'message', 'hint'])
      assert.match(error.message, sentence)
    })
  }
})

describe('colour', () => {
  const colour = /\x1b\[/
  const failing = (options: Parameters<typeof runRecorded>[1]) => runRecorded(['xyzzy'], options)

  test('is for terminals', async () => {
    assert.match((await failing({ isTTY: true })).stderr, colour)
    assert.doesNotMatch((await failing({ isTTY: false })).stderr, colour)
  })

  test('can be forced, and NO_COLOR beats everything', async () => {
    assert.match((await failing({ environment: { FORCE_COLOR: '1' } })).stderr, colour)
    assert.doesNotMatch((await failing({ isTTY: true, environment: { NO_COLOR: '1' } })).stderr, colour)
    assert.doesNotMatch((await failing({ environment: { NO_COLOR: '1', FORCE_COLOR: '1' } })).stderr, colour)
    assert.doesNotMatch((await failing({ isTTY: true, environment: { TERM: 'dumb' } })).stderr, colour)
  })
})
