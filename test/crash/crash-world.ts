/**
 * A project with everything a kill can strike: checks, builds, hooks, tasks, verification, rollouts, ways back, yanks.
 * Two controllers (clones and homes of their own) share a real remote, a real artifact store and one platform.
 */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, readlink, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { CommitId } from '../../src/model/index.ts'
import { openFileTarget } from '../fixtures/file-target.ts'
import { createBareRemote, createRepository, type FileChanges, type Repository } from '../fixtures/repository.ts'
import { type GitHttpServer, startGitHttpServer } from '../parts/git-http-server.ts'
import { type Command, type CommandOptions, startCommand } from './commands.ts'

export type Config = Record<string, unknown>

export type CrashWorldOptions = {
  /** How controllers reach the remote. */
  way: 'path' | 'http'
  /** Default: an OCI layout that both controllers share. `oci+http://…` for a registry. */
  artifacts?: string
  /** Changes the configuration before it is written. */
  change?: (config: Config, root: string) => void
  /** Beside those that every such project has. */
  files?: Record<string, string>
  /** Platform of every environment; default the file. */
  platform?: 'file' | 'fleet'
}

export type ControllerName = 'ada' | 'ben'

export type CrashWorld = AsyncDisposable & {
  /** Everything of this world lies in here or is named by it. */
  readonly root: string
  readonly remote: Repository
  readonly clones: Readonly<Record<ControllerName, Repository>>
  readonly server: GitHttpServer | null
  readonly config: Config
  home(controller: ControllerName): string
  /** Starts `trunkline <words> --json`. */
  start(words: readonly string[], options?: StartOptions): Command
  /** Commits and pushes to main; both clones have it. */
  push(changes: FileChanges, message?: string): Promise<CommitId>
  platform(environment: string): ReturnType<typeof openFileTarget>
  /** Every job that began to run, in order: `<environment> <name> <key>`. */
  jobs(): Promise<string[]>
  /** What still runs of this world (Linux): its command lines. */
  processes(): Promise<string[]>
}

export type StartOptions = Omit<CommandOptions, 'cwd' | 'env' | 'preloads'> & {
  by?: ControllerName
  environment?: Record<string, string>
  cwd?: string
}

const controllers = ['ada', 'ben'] as const

export async function createCrashWorld(options: CrashWorldOptions): Promise<CrashWorld> {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'trunkline-crash-')))
  const remote = await createBareRemote()
  const server = options.way === 'http' ? await startGitHttpServer({ root: dirname(remote.directory) }) : null
  const url = server === null ? remote.directory : `${server.url}/remote.git`
  const config = crashConfig(options.artifacts ?? `oci-layout:${join(root, 'artifacts')}`)
  options.change?.(config, root)
  const ada = await createRepository({
    files: { ...firstFiles, ...options.files, 'trunkline.yaml': JSON.stringify(config, null, 1) },
  })
  await ada.addRemote('origin', url)
  await ada.push('origin', 'main')
  const ben = await ada.clone({ url })
  const clones = { ada, ben }
  const home = (controller: ControllerName) => join(root, `home-${controller}`)
  const platformFolder = join(root, 'platform')
  await mkdir(platformFolder)
  for (const controller of controllers) await mkdir(home(controller))
  const here = join(import.meta.dirname, 'preload')
  let pushes = 0
  const preloads = [
    join(here, 'moments.ts'),
    join(here, 'clock.ts'),
    ...(options.platform === 'fleet' ? [] : [join(here, 'platform.ts')]),
  ]

  return {
    ...{ root, remote, clones, server, config, home },
    start(words, { by = 'ada', environment = {}, cwd, ...rest } = {}) {
      const env = {
        ...clones[by].environment,
        TMPDIR: root,
        TRUNKLINE_HOME: home(by),
        CRASH_PLATFORM: platformFolder,
        CRASH_CLOCK: join(root, 'clock'),
        ...environment,
      }
      const [command = '', ...more] = words
      return startCommand([command, '--json', ...more], { cwd: cwd ?? clones[by].directory, env, preloads, ...rest })
    },
    async push(changes, message = `change ${++pushes}`) {
      const commit = await ada.commit(message, changes)
      await ada.push('origin', 'main')
      await ben.git('pull', '--quiet', '--ff-only', 'origin', 'main')
      return commit
    },
    platform: (environment) => openFileTarget(join(platformFolder, `${environment}.json`), environment),
    async jobs() {
      const text = await readFile(join(platformFolder, 'jobs'), 'utf8').catch(() => '')
      return text.split('\n').filter((line) => line !== '')
    },
    processes: () =>
      processesOf([root, dirname(remote.directory), ...Object.values(clones).map((one) => one.directory)]),
    async [Symbol.asyncDispose]() {
      await server?.close()
      await Promise.all([remote.dispose(), ada.dispose(), ben.dispose()])
      await rm(root, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

const service = (name: string): Config => ({
  path: name,
  infer: false,
  checks: { test: `! grep -q RED ${name}/main.txt` },
  build: { run: `mkdir ${name}/dist && cp ${name}/main.txt ${name}/dist/` },
  artifact: { bundle: { include: ['dist/**'] } },
  run: { command: 'serve', port: 'PORT' },
})

function crashConfig(artifacts: string): Config {
  return {
    project: 'shop',
    trunk: 'main',
    artifacts,
    prepare: { run: 'mkdir tools && cp tools.txt tools/', inputs: ['tools.txt'] },
    services: { carts: service('carts'), products: service('products') },
    environments: {
      stage: {
        on: { branch: 'main' },
        target: { fleet: { hosts: ['local'] } },
        hooks: {
          before: [{ name: 'migrate', run: 'migrate', service: 'products' }],
          after: [{ name: 'warm', run: 'warm', service: 'carts', idempotent: true }],
          rollback: [{ name: 'migrate', run: 'unmigrate', service: 'products' }],
        },
        verify: [{ name: 'checkout works', run: '! grep -q BROKEN carts/main.txt' }],
        onFailure: ['rollback', 'yank', 'notify'],
      },
      prod: {
        on: { tag: 'v*', reachableFrom: 'main' },
        after: 'stage',
        target: { fleet: { hosts: ['local'] } },
      },
    },
    tasks: { seed: { service: 'products', run: 'seed' } },
  }
}

const firstFiles = {
  'carts/main.txt': 'carts one\n',
  'products/main.txt': 'products one\n',
  'tools.txt': 'one\n',
  'README.md': 'a shop\n',
}

/** By working directory, command line or environment: builds do not inherit ours, and work in a folder of this world. */
async function processesOf(folders: readonly string[]): Promise<string[]> {
  if (!existsSync('/proc/self')) return []
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  const found = await Promise.all(
    pids.map(async (pid) => {
      const [cwd, commandLine, environment] = await Promise.all([
        readlink(`/proc/${pid}/cwd`).catch(() => ''),
        readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
        readFile(`/proc/${pid}/environ`, 'utf8').catch(() => ''),
      ])
      const about = [`${cwd}/`, commandLine, environment].join('\0')
      return folders.some((folder) => about.includes(folder)) ? [`${pid} ${commandLine.replaceAll('\0', ' ')}`] : []
    }),
  )
  return found.flat()
}
