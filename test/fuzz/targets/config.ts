/** Files of a repository that anybody may send a pull request for: trunkline.yaml, and all that inference reads. */
import { readFileSync } from 'node:fs'
import picomatch from 'picomatch'
import { formatProblems, parseProject } from '../../../src/config/index.ts'
import { TrunklineError } from '../../../src/model/index.ts'
import { parseDockerfile } from '../../../src/planning/inputs/inference/dockerfile.ts'
import { parseDockerignore } from '../../../src/planning/inputs/inference/dockerignore.ts'
import { parseGoModuleFile, parseGoSource } from '../../../src/planning/inputs/inference/go-source.ts'
import { simpleCommands } from '../../../src/planning/inputs/inference/simple-commands.ts'
import { parseJsonTable, parseTomlTable } from '../../../src/planning/inputs/inference/structured-text.ts'
import { missingKeys, projectKeys } from '../../../src/planning/inputs/keyed-file.ts'
import { globExpression } from '../../../src/planning/inputs/path-pattern.ts'
import { parseDotenv } from '../../../src/variables/dotenv.ts'
import { mutateText } from '../mutate-text.ts'
import type { Random } from '../random.ts'
import { type Input, type Kind, promise, promiseHarmless, type Target } from '../target.ts'
import { seeds } from './config-seeds.ts'

const shop = readFileSync(new URL('../../../examples/microservices-shop/trunkline.yaml', import.meta.url), 'utf8')

const configurationWords = [
  ...[
    'services:',
    'environments:',
    'on:',
    'branch: main',
    'tag: "v*"',
    'target:',
    'fleet:',
    'hosts: [local]',
    'replicas: 2',
  ],
  ...['inputs: []', 'artifact:', 'bundle: {}', 'env:', 'from: X', 'secret: true', 'run:', 'approval:', 'windows:'],
  ...['cron: "0 9 * * 1-5"', 'duration: 8h', 'timezone: Europe/Berlin', 'after: stage', 'hooks:', 'before:', 'verify:'],
  ...[
    'people:',
    'notify:',
    'slack:',
    'webhook:',
    'variables: { prefix: X_ }',
    'tasks:',
    'prepare: npm ci',
    'needs: [carts]',
  ],
]

const text = (input: Input): string => input.toString()
const mutated =
  (choices: readonly string[], words: readonly string[] = []) =>
  (random: Random) =>
    random.oneIn(50) ? (choices[random.int(choices.length)] ?? '') : mutateText(random, random.pick(choices), words)

/** Never throws: what is wrong stands in problems, each with a code, a sentence and a place. */
const configuration: Kind = {
  name: 'trunkline.yaml',
  make: (random) => mutateText(random, random.oneIn(30) ? shop : random.pick(seeds.configurations), configurationWords),
  run(input) {
    let parsed: ReturnType<typeof parseProject>
    try {
      parsed = parseProject({ text: text(input), file: 'trunkline.yaml', pathExists: (path) => path.length % 2 === 0 })
    } catch (error) {
      promise(!(error instanceof TrunklineError), 'parseProject threw where it promises never to')
      throw error
    }
    if ('project' in parsed) return
    promise(parsed.problems.length > 0, 'neither a project nor a problem')
    promise(parsed.problems.length <= 201, 'more problems than anybody reads')
    for (const { code, message, location } of parsed.problems) {
      promise(/^[A-Z_]+$/.test(code), `a problem has the code ${code}`)
      promise(message.trim() !== '', 'a problem has no sentence')
      promise(location?.file === 'trunkline.yaml', 'a problem has no place')
    }
    promiseHarmless(formatProblems(parsed.problems, { color: false, width: 100 }), 'what is shown of a problem')
  },
}

const dotenv: Kind = {
  name: 'dotenv',
  make: mutated(seeds.dotenv, ['export A=', '\u0024{A}', '"\\n"', "'", '`', '# ', 'A=1\n']),
  run(input) {
    for (const [name, value] of parseDotenv(text(input), '.env')) {
      promise(/^[A-Za-z_]/.test(name) && typeof value === 'string', 'a variable has no name')
    }
  },
}

const keyedFiles = ['.env', 'versions.json', 'versions.yaml', 'versions.toml'] as const
const keys = ['a', 'versions.kotlin', '__proto__.x', 'constructor', 'a.b.c']

/** The first line says which file it is. */
const keyed: Kind = {
  name: 'keyed file',
  make(random) {
    const file = random.pick(keyedFiles)
    return `${file}\n${mutateText(random, random.pick(seeds.keyed[file]), ['versions', 'a', 'kotlin', '__proto__', 'constructor'])}`
  },
  run(input) {
    const [file = '', ...lines] = text(input).split('\n')
    if (!keyedFiles.some((known) => known === file)) return
    const projected = projectKeys(lines.join('\n'), file, keys)
    promise(projectKeys(projected, file, keys) === projected, 'what is left of a keyed file is not in its one form')
    missingKeys(lines.join('\n'), file, keys)
  },
}

const globSeeds = [
  'src/**/*.ts',
  '**/{a,b}/*.[jt]s',
  'a/+(b|c)/@(d)/!(e)',
  '*-*-*-*.txt',
  'pages/[id].tsx',
  'a\\*b',
  '**/x/**/y/**',
]

/** A glob on the first line; what it must bear, and what it must accept as it did before it was bounded, follows. */
const globs: Kind = {
  name: 'glob',
  make: (random) =>
    `${mutateText(random, random.pick(globSeeds))}\n${mutateText(random, random.pick(['a/b/c.ts', 'a-b-c-d.txt', 'x/y']), ['a', '/', '-', '.ts'])}`,
  run(input) {
    const [glob = '', ...rest] = text(input).split('\n')
    const expression = globExpression(glob)
    for (const path of [
      'a/b/c.ts',
      'a'.repeat(250),
      `${'a/'.repeat(100)}b`,
      'pages/[id].tsx',
      '',
      `${'ab'.repeat(120)}!`,
    ]) {
      expression.test(path)
    }
    const short = rest.join('\n').slice(0, 14)
    if (glob === '' || glob.length > 40) return
    const escaped = /[?*+@!]\(/.test(glob) ? glob : glob.replace(/(?<!\\)[()]/g, (parenthesis) => `\\${parenthesis}`)
    const plain = picomatch.makeRe(escaped, { dot: true, nonegate: true, strictSlashes: true, flags: 's' })
    promise(plain.test(short) === expression.test(short), 'the bound changed what a glob means')
  },
}

/** Readers of files that other tools own: they take anything, and never throw. */
function reader(
  name: string,
  choices: readonly string[],
  read: (content: string) => unknown,
  words: readonly string[] = [],
): Kind {
  return { name, make: mutated(choices, words), run: (input) => void read(text(input)) }
}

export const configTarget: Target = {
  name: 'config',
  kinds: [
    configuration,
    configuration,
    configuration,
    dotenv,
    keyed,
    globs,
    reader('Dockerfile', seeds.dockerfiles, (content) =>
      parseDockerfile(content, { buildArguments: new Map([['A', 'b']]), target: 'build' }),
    ),
    reader('.dockerignore', ['node_modules\n!keep\n# c\n**/*.md\n', '*\n!src/**\n'], (content) => {
      const isIgnored = parseDockerignore(content)
      return ['a', 'node_modules/x/y', 'src/a.ts'].map(isIgnored)
    }),
    reader('package.json', seeds.packages, parseJsonTable),
    reader('pyproject.toml', seeds.toml, parseTomlTable),
    reader('go.mod', seeds.goModules, parseGoModuleFile),
    reader('Go source', seeds.goSources, parseGoSource),
    reader('command line', seeds.commands, simpleCommands, [
      'cd x &&',
      'docker build -f Dockerfile .',
      'go build ./...',
      '$(x)',
    ]),
  ],
}
