import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  answerCompletion,
  type CandidateSource,
  type CompletionShell,
  type CompletionSpec,
  completionScript,
  projectCandidates,
} from '../../../src/cli/completion/index.ts'

const spec: CompletionSpec = {
  program: 'trunkline',
  options: [
    { flags: ['--json'], summary: 'print one JSON document', value: null },
    { flags: ['--repo', '-C'], summary: "the project's folder", value: { kind: 'file' } },
  ],
  commands: [
    {
      name: 'deploy',
      summary: 'deploy a [commit]: "now"',
      options: [
        { flags: ['--ref'], summary: 'a ref', value: { kind: 'candidates', of: ['ref'] } },
        { flags: ['--reason'], summary: 'why', value: { kind: 'free' } },
        { flags: ['--rollout'], summary: 'how', value: { kind: 'words', words: ['half', 'all-at-once'] } },
      ],
      arguments: [
        { name: 'env', value: { kind: 'candidates', of: ['environment'] } },
        { name: 'rev', value: { kind: 'candidates', of: ['ref'] } },
      ],
    },
    {
      name: 'diff',
      summary: 'what differs',
      options: [],
      arguments: [
        { name: 'from', value: { kind: 'candidates', of: ['environment'] } },
        { name: 'to', value: { kind: 'candidates', of: ['environment', 'ref'] } },
      ],
    },
    {
      name: 'check',
      summary: 'check services',
      options: [],
      arguments: [{ name: 'service', value: { kind: 'candidates', of: ['service'] }, repeats: true }],
    },
    {
      name: 'completion',
      summary: 'print a script',
      options: [],
      arguments: [{ name: 'shell', value: { kind: 'words', words: ['bash', 'zsh', 'fish'] } }],
    },
  ],
}

const root = join(import.meta.dirname, '../../..')
let folder = ''

/** A project with refs, one of a hostile name, and a `trunkline` that knows only `__complete`. */
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'trunkline-completion-'))
  mkdirSync(join(folder, 'bin'))
  mkdirSync(join(folder, 'shop/services'), { recursive: true })
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.c', ...args], {
      cwd: join(folder, 'shop'),
      stdio: 'ignore',
    })
  writeFileSync(
    join(folder, 'shop/trunkline.yaml'),
    'services: { carts: {}, email: {} }\nenvironments: { stage: {}, prod: {} }\ntasks: { seed: {} }\nbroken: [',
  )
  git('init', '-q', '-b', 'main')
  git('commit', '-q', '--allow-empty', '-m', 'Start here')
  git('tag', 'v1.0.0')
  git('branch', 'feat/$(touch$IFS"pwned")')
  const program = `
    import { answerCompletion, projectCandidates } from ${JSON.stringify(join(root, 'src/cli/completion/index.ts'))}
    const source = projectCandidates(process.cwd(), { PATH: process.env.PATH })
    process.stdout.write(await answerCompletion(process.argv.slice(3), source))`
  writeFileSync(join(folder, 'program.ts'), program)
  writeFileSync(
    join(folder, 'bin/trunkline'),
    `#!/bin/sh\nexec "${root}/bin/node" --disable-warning=ExperimentalWarning "${folder}/program.ts" "$@"\n`,
  )
  chmodSync(join(folder, 'bin/trunkline'), 0o755)
  for (const shell of ['bash', 'zsh', 'fish'] as const)
    writeFileSync(join(folder, shell), completionScript(shell, spec))
})
after(() => rmSync(folder, { recursive: true, force: true }))

const run = (program: string, args: string[]): string => {
  const PATH = `${join(folder, 'bin')}:${process.env['PATH']}`
  const { stdout, stderr } = spawnSync(program, args, {
    cwd: join(folder, 'shop/services'),
    env: { ...process.env, PATH, HOME: folder },
    encoding: 'utf8',
    timeout: 60_000,
  })
  assert.equal(stderr, '')
  return stdout
}

describe('the __complete call', () => {
  const source: CandidateSource = async (kind) => [
    { value: `${kind}-one`, description: 'first\tof\u001b[2J all' },
    { value: 'two words', description: '' },
  ]

  test('answers the candidates of the asked kinds that begin as the last word does', async () => {
    assert.equal(
      await answerCompletion(['environment,service', '--', 'deploy', ''], source),
      'environment-one\tfirst  of all\nservice-one\tfirst  of all\n',
    )
    assert.equal(
      await answerCompletion(['environment,service', '--', 'deploy', 'ser'], source),
      'service-one\tfirst  of all\n',
    )
    assert.equal(await answerCompletion(['nonsense', '--', ''], source), '')
    assert.equal(await answerCompletion([], source), '')
  })

  test('stays silent when a source fails, and does not wait for a slow one', async () => {
    assert.equal(await answerCompletion(['ref', '--', ''], () => Promise.reject(new Error('no git'))), '')
    assert.equal(await answerCompletion(['ref', '--', ''], () => new Promise(() => {})), '')
  })

  test('finds names in a configuration with mistakes, from a folder below it', async () => {
    const names = async (kind: Parameters<CandidateSource>[0]) =>
      (await projectCandidates(join(folder, 'shop/services'), { PATH: process.env['PATH'] ?? '' })(kind)).map(
        ({ value }) => value,
      )
    assert.deepEqual(await names('environment'), ['stage', 'prod'])
    assert.deepEqual(await names('service'), ['carts', 'email'])
    assert.deepEqual(await names('task'), ['seed'])
    assert.deepEqual((await names('ref')).sort(), ['feat/$(touch$IFS"pwned")', 'main', 'v1.0.0'])
    assert.deepEqual(await projectCandidates(tmpdir(), { PATH: process.env['PATH'] ?? '' })('service'), [])
  })
})

describe('bash', () => {
  /** What bash would offer for these words, the last of which is being typed. */
  const offered = (...words: string[]): string[] =>
    run('bash', [
      '--norc',
      '-c',
      `source ${folder}/bash; COMP_WORDS=("$@"); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _trunkline; printf '%s\\n' "\${COMPREPLY[@]}"`,
      'bash',
      'trunkline',
      ...words,
    ])
      .split('\n')
      .filter((line) => line !== '')

  test('completes commands and options', () => {
    assert.deepEqual(offered('d'), ['deploy', 'diff'])
    assert.deepEqual(offered('--j'), ['--json'])
    assert.deepEqual(offered('deploy', '--r'), ['--ref', '--reason', '--rollout', '--repo'])
    assert.deepEqual(offered('deploy', '--rollout', ''), ['half', 'all-at-once'])
    assert.deepEqual(offered('completion', ''), ['bash', 'zsh', 'fish'])
    assert.deepEqual(offered('deploy', '--reason', ''), [])
  })

  test('asks the program for names, argument by argument', () => {
    assert.deepEqual(offered('deploy', ''), ['stage', 'prod'])
    assert.deepEqual(offered('-C', 'x', 'deploy', '--json', 's'), ['stage'])
    assert.deepEqual(offered('deploy', '--reason', 'because', 'p'), ['prod'])
    assert.deepEqual(offered('diff', 'stage', '').sort(), [
      'feat/\\$\\(touch\\$IFS\\"pwned\\"\\)',
      'main',
      'prod',
      'stage',
      'v1.0.0',
    ])
    assert.deepEqual(offered('check', 'carts', 'e'), ['email'])
  })

  test('takes --option=value, which bash splits in three', () => {
    assert.deepEqual(offered('deploy', '--ref', '=', 'v'), ['v1.0.0'])
    assert.deepEqual(offered('deploy', '--rollout', '='), ['half', 'all-at-once'])
    assert.deepEqual(offered('deploy', '--ref', '=', 'v1.0.0', 'st'), ['stage'])
  })

  test('quotes names that a shell would run', () => {
    assert.deepEqual(offered('deploy', 'stage', 'feat'), ['feat/\\$\\(touch\\$IFS\\"pwned\\"\\)'])
  })
})

const isInstalled = (shell: CompletionShell): boolean => spawnSync(shell, ['--version']).status === 0

describe('zsh', { skip: isInstalled('zsh') ? false : 'zsh is not installed' }, () => {
  test('loads the script without a complaint', () => {
    assert.equal(
      run('zsh', [
        '-f',
        '-c',
        `autoload -U compinit; compinit -D -u; source ${folder}/zsh; print -- $_comps[trunkline]`,
      ]),
      '_trunkline\n',
    )
  })
})

describe('fish', { skip: isInstalled('fish') ? false : 'fish is not installed' }, () => {
  const offered = (line: string): string[] =>
    run('fish', ['--no-config', '-c', `source ${folder}/fish; complete -C ${JSON.stringify(line)}`])
      .split('\n')
      .filter((each) => each !== '')
      .map((each) => each.split('\t')[0] ?? '')
      .sort()

  test('completes commands, options and names', () => {
    assert.deepEqual(offered('trunkline d'), ['deploy', 'diff'])
    assert.deepEqual(offered('trunkline deploy '), ['prod', 'stage'])
    assert.deepEqual(offered('trunkline deploy stage v'), ['v1.0.0'])
    assert.deepEqual(offered('trunkline deploy --reason because s'), ['stage'])
    assert.deepEqual(offered('trunkline deploy --rollout '), ['all-at-once', 'half'])
    assert.deepEqual(offered('trunkline check carts e'), ['email'])
    assert.deepEqual(offered('trunkline deploy --ro'), ['--rollout'])
  })
})
