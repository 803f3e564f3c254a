/** A real OCI registry (Debian's `docker-registry`) on a free loopback port, for as long as a test file runs. */
import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

export type RegistryPart = {
  /** `127.0.0.1:<port>` */
  host: string
  /** Where it keeps its files, for tests that damage them. */
  storage: string
  stop(): Promise<void>
}

const program = 'docker-registry'
const startTimeoutMs = 30_000

/**
 * For `test({ skip })`: false where the registry can be run, else why not. In CI a missing part is a failure,
 * which `startRegistry` then reports.
 */
export function registryMissing(environment = process.env): string | false {
  if (findProgram(environment) !== null || environment['CI'] === 'true') return false
  return `${program} is not installed (apt-get install docker-registry)`
}

export type RegistryOptions = {
  /** The `auth` section of its configuration: `htpasswd`, `token`. Default: anyone may do anything. */
  auth?: Record<string, unknown>
}

export async function startRegistry(environment = process.env, options: RegistryOptions = {}): Promise<RegistryPart> {
  const path = findProgram(environment)
  if (path === null) throw new Error(`${program} is not installed, and in CI no part may be missing`)
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-registry-'))
  const storage = join(folder, 'storage')
  const config = join(folder, 'config.json')
  // JSON is YAML.
  await writeFile(
    config,
    JSON.stringify({
      version: 0.1,
      log: { level: 'info', formatter: 'json', accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: storage }, delete: { enabled: true } },
      http: { addr: '127.0.0.1:0' },
      ...options,
    }),
  )
  const child = spawn(path, ['serve', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: environment['PATH'] },
  })
  const endWithUs = () => child.kill('SIGKILL')
  process.once('exit', endWithUs)
  const stop = async () => {
    process.removeListener('exit', endWithUs)
    await ended(child)
    await rm(folder, { recursive: true, force: true })
  }
  try {
    return { host: await listeningAddress(child), storage, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function findProgram({ PATH = '' }: NodeJS.ProcessEnv): string | null {
  for (const folder of PATH.split(delimiter)) {
    const path = join(folder, program)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not in this folder.
    }
  }
  return null
}

/** The port is the registry's own choice; it says it in its log. */
function listeningAddress(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let log = ''
    const timer = setTimeout(() => reject(new Error(`${program} did not start:\n${log}`)), startTimeoutMs)
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`${program} ended with code ${code}:\n${log}`)))
    child.stderr?.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString('utf8')).slice(-64 * 1024)
      const address = /listening on (127\.0\.0\.1:\d+)/.exec(log)?.[1]
      if (address === undefined) return
      clearTimeout(timer)
      resolve(address)
    })
  })
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const exit = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 3000)
  await exit
  clearTimeout(timer)
}
