/**
 * Where a story plays: a copy of an example with a history of its own, a real bare remote, a Trunkline home, all in one
 * temporary folder; and the commands a person would type there, run as real processes.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { DeliveryResult } from '../delivery/index.ts'
import { homeAt } from '../home/index.ts'
import { erroredError, TrunklineError } from '../model/index.ts'
import { runProcess } from '../process/index.ts'
import { programFolder } from '../program/index.ts'
import type { StatusDocument } from '../reporting/index.ts'
import { type Lab, type LabPart, openLab } from './lab.ts'
import type { Story } from './story.ts'

export type Playground = {
  /** Working copy of the example. */
  readonly clone: string
  /** The bare remote: everything that happened stays in it. */
  readonly remote: string
  readonly signal: AbortSignal
  /** The cluster and registry of a story that asked for them. */
  readonly lab: Lab | null
  /** What a viewer sees being typed, and lines worth a glance. */
  show(line: string): void
  git(...words: string[]): Promise<string>
  /** Replaces a piece of a file that must be there; answers nothing. */
  edit(file: string, from: string, to: string): Promise<void>
  /** Replaces all of a file by what is made of it. */
  change(file: string, how: (text: string) => string): Promise<void>
  write(file: string, text: string): Promise<void>
  /** Runs a program such as helm in the working copy; answers its output, throws where it fails. */
  tool(program: string, ...words: string[]): Promise<string>
  /** The same without showing it being typed. */
  quietTool: Playground['tool']
  /** Commits everything and answers the commit id. */
  commit(message: string): Promise<string>
  /** Runs `trunkline … --json`; answers its document whatever the exit code. */
  trunkline<Document = DeliveryResult>(...words: string[]): Promise<{ exitCode: number; document: Document }>
  /** Starts `trunkline …` and kills it with SIGKILL soon after its deployment to the environment has begun. */
  killDuring(words: readonly string[], environment: string): Promise<{ wasKilled: boolean }>
  status(environment?: string): Promise<StatusDocument['environments']>
  /** Public address of a service. */
  address(environment: string, service: string): Promise<string | null>
  /** Build records in the remote: how often anything was built at all. */
  buildRecords(): Promise<number>
  /** Events in an environment's ledger. */
  events(environment: string): Promise<number>
}

export type PlaygroundOptions = {
  story: Pick<Story, 'example' | 'variables' | 'lab' | 'labElse' | 'branch' | 'fit' | 'end'>
  environment: NodeJS.ProcessEnv
  signal: AbortSignal
  show(line: string): void
}

const gitTimeoutMs = 60_000
const commandTimeoutMs = 10 * 60_000
/** How often the ledger is asked, and how far into its rollouts a deployment comes before it is killed. */
const pollMs = 40
const intoRolloutMs = 350

const exampleFolder = (name: string): string => join(programFolder, 'examples', name)

/** How this very program is called again. */
const selfCommand = (): [string, ...string[]] => [process.execPath, ...process.execArgv, process.argv[1] ?? '']

export type OpenedPlayground = Playground & {
  /** `trunkline …` without showing it being typed. */
  quietly: Playground['trunkline']
  /** Ends every service; with `keepRemote` the remote and its ledger stay for who wants to read them. */
  close(options: { keepRemote: boolean }): Promise<void>
}

export async function openPlayground(options: PlaygroundOptions): Promise<OpenedPlayground> {
  const { story } = options
  const lab = story.lab === undefined ? null : await openLabFor(story.lab, options)
  const root = await mkdtemp(join(tmpdir(), 'trunkline-demo-'))
  try {
    return await openIn(root, lab, options)
  } catch (error) {
    await story.end?.()
    await lab?.stop()
    await rm(root, { recursive: true, force: true, maxRetries: 3 })
    throw error
  }
}

/** All that the story would like; where something is missing, the most it can be told with, and that is said. */
async function openLabFor(wanted: readonly LabPart[], { story, environment, signal, show }: PlaygroundOptions) {
  const attempt = async (parts: readonly LabPart[], others: ReadonlyArray<readonly LabPart[]>): Promise<Lab> => {
    try {
      return await openLab(parts, environment, signal)
    } catch (error) {
      const [next, ...rest] = others
      if (next === undefined || !(error instanceof TrunklineError) || error.code !== 'PART_MISSING') throw error
      const lab = await attempt(next, rest)
      if (parts === wanted) show(`told with less: ${error.message}`)
      return lab
    }
  }
  return await attempt(wanted, story.labElse ?? [])
}

async function openIn(root: string, lab: Lab | null, options: PlaygroundOptions): Promise<OpenedPlayground> {
  const { signal, story } = options
  const branch = story.branch ?? 'main'
  let isQuiet = true
  const show = (line: string) => {
    if (!isQuiet) options.show(line)
  }
  const clone = join(root, 'work')
  const remote = join(root, `${story.example}.git`)
  const environment = {
    ...commandEnvironment(options.environment, join(root, 'home')),
    ...(lab === null ? {} : labEnvironment(lab, options.environment)),
    ...(await story.variables(join(root, 'data'), lab)),
  }
  await cp(exampleFolder(story.example), clone, {
    recursive: true,
    filter: (path) => !/[/\\](node_modules|dist|\.package|\.serverless)$/.test(path),
  })
  await mkdir(remote)

  const run = async (directory: string, argv: [string, ...string[]], timeoutMs: number) =>
    await runProcess({ argv, cwd: directory, env: environment, timeoutMs, signal })
  async function git(...words: string[]): Promise<string> {
    const ended = await run(clone, ['git', ...words], gitTimeoutMs)
    if (ended.exitCode !== 0) throw erroredError('DEMO_GIT', `git ${words.join(' ')} failed: ${ended.stderr.trim()}`)
    return ended.stdout.toString('utf8').trim()
  }
  const inRemote = async (...words: string[]): Promise<string> => {
    const ended = await run(remote, ['git', ...words], gitTimeoutMs)
    return ended.exitCode === 0 ? ended.stdout.toString('utf8').trim() : ''
  }

  await run(remote, ['git', 'init', '--quiet', '--bare', `--initial-branch=${branch}`], gitTimeoutMs)
  await git('init', '--quiet', `--initial-branch=${branch}`)
  await git('remote', 'add', 'origin', remote)

  async function trunkline<Document>(...words: string[]) {
    show(`$ trunkline ${words.join(' ')}`)
    return await quietly<Document>(...words)
  }
  async function quietly<Document>(...words: string[]) {
    if (words[0] !== 'status') seen = null
    const ended = await run(clone, [...selfCommand(), ...words, '--json'], commandTimeoutMs)
    const text = ended.stdout.toString('utf8')
    try {
      return { exitCode: ended.exitCode, document: JSON.parse(text) as Document } // Printed by this same program.
    } catch {
      const why = ended.stderr.trim().split('\n').at(-1) ?? ''
      throw erroredError(
        'DEMO_COMMAND',
        `trunkline ${words.join(' ')} ended with ${ended.exitCode} and no document. ${why}`,
      )
    }
  }

  async function killDuring(words: readonly string[], environmentName: string): Promise<{ wasKilled: boolean }> {
    show(`$ trunkline ${words.join(' ')}`)
    seen = null
    const [program, ...rest] = selfCommand()
    const child = spawn(program, [...rest, ...words], { cwd: clone, env: environment, stdio: 'ignore' })
    let hasEnded = false
    const ended = once(child, 'exit').then(() => {
      hasEnded = true
    })
    while (!hasEnded && !(await hasStarted(environmentName))) await sleep(pollMs, undefined, { signal })
    await Promise.race([ended, sleep(intoRolloutMs, undefined, { signal })])
    const wasKilled = !hasEnded && child.kill('SIGKILL')
    if (wasKilled) show(`$ kill -9 ${child.pid}`)
    await ended
    return { wasKilled }
  }

  /** The ledger says when a deployment has begun. */
  const hasStarted = async (name: string): Promise<boolean> =>
    (await inRemote('log', '-1', '--format=%(trailers:key=Event,valueonly)', `refs/trunkline/env/${name}`)) ===
    'started'

  /** Asked once for all environments, until a command or a push may have changed something. */
  let seen: Promise<StatusDocument['environments']> | null = null
  const status = async (name?: string) => {
    seen ??= quietly<StatusDocument>('status').then(({ document }) => document.environments)
    const environments = await seen
    return name === undefined ? environments : environments.filter((environment) => environment.name === name)
  }

  async function tool(program: string, ...words: string[]): Promise<string> {
    show(`$ ${program} ${words.join(' ')}`)
    return await quietTool(program, ...words)
  }
  async function quietTool(program: string, ...words: string[]): Promise<string> {
    const ended = await run(clone, [program, ...words], commandTimeoutMs)
    if (ended.exitCode !== 0) throw erroredError('DEMO_TOOL', `${program} failed: ${ended.stderr.trim()}`)
    return ended.stdout.toString('utf8').trim()
  }

  const playground: OpenedPlayground = {
    ...{ clone, remote, signal, lab, show, tool, quietTool },
    git: async (...words) => {
      seen = null
      if (words[0] === 'push' || words[0] === 'tag' || words[0] === 'revert')
        show(`$ git ${words.filter((word) => word !== '--quiet' && word !== '--no-edit').join(' ')}`)
      return await git(...words)
    },
    async edit(file, from, to) {
      const path = join(clone, file)
      const text = await readFile(path, 'utf8')
      if (!text.includes(from)) throw erroredError('DEMO_EDIT', `${file} does not contain what the story changes`)
      await writeFile(path, text.replace(from, to))
    },
    async change(file, how) {
      const path = join(clone, file)
      await writeFile(path, how(await readFile(path, 'utf8')))
    },
    write: (file, text) => writeFile(join(clone, file), text),
    async commit(message) {
      await git('add', '--all')
      await git('commit', '--quiet', '--message', message)
      show(`$ git commit -m "${message}"`)
      return await git('rev-parse', 'HEAD')
    },
    trunkline,
    quietly,
    killDuring,
    status,
    async address(name, service) {
      const [found] = await status(name)
      return found?.services.find((known) => known.name === service)?.url ?? null
    },
    async buildRecords() {
      const listing = await inRemote('ls-tree', '-r', '--name-only', 'refs/trunkline/builds', 'builds/')
      return listing === '' ? 0 : listing.split('\n').length
    },
    async events(name) {
      return Number((await inRemote('rev-list', '--count', `refs/trunkline/env/${name}`)) || 0)
    },
    async close({ keepRemote }) {
      const { shutDownFleet } = await import('../targets/fleet/administration.ts')
      const { systemClock } = await import('../clock/index.ts')
      const fleet = { home: homeAt(environment), clock: systemClock }
      await shutDownFleet(fleet, 'stop', AbortSignal.timeout(60_000))
      await story.end?.()
      await lab?.stop()
      await Promise.all(
        [clone, join(root, 'home'), join(root, 'data')].map((folder) =>
          rm(folder, { recursive: true, force: true, maxRetries: 3 }),
        ),
      )
      if (!keepRemote) await rm(root, { recursive: true, force: true, maxRetries: 3 })
    },
  }
  await story.fit?.(playground)
  await playground.commit('Open the shop')
  isQuiet = false
  return playground
}

/** Its programs are found first, and clusters and AWS are spoken to nowhere but in the lab. */
const labEnvironment = (lab: Lab, { PATH = '' }: NodeJS.ProcessEnv) => ({
  ...lab.aws?.environment,
  KUBECONFIG: lab.kubeconfig,
  PATH: [...lab.tools, PATH].join(delimiter),
})

/** What the caller has, made independent of its git configuration and of any CI that runs us. */
function commandEnvironment(base: NodeJS.ProcessEnv, home: string): Record<string, string> {
  const foreign = /^(GIT_|GITHUB_|GITLAB_|CI$|CI_|CIRCLE|CODEBUILD_|AWS_|TRUNKLINE_|NODE_TEST)/
  const kept = Object.entries(base).filter(([name, value]) => value !== undefined && !foreign.test(name)) as Array<
    [string, string]
  >
  const person = { NAME: 'Ada', EMAIL: 'ada@shop.example' }
  return {
    ...Object.fromEntries(kept),
    TRUNKLINE_HOME: home,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: person.NAME,
    GIT_AUTHOR_EMAIL: person.EMAIL,
    GIT_COMMITTER_NAME: person.NAME,
    GIT_COMMITTER_EMAIL: person.EMAIL,
  }
}
