/**
 * Several real hosts on this machine: each a network namespace with an address of its own and a process namespace whose
 * first process is its sshd, so that ending that ends everything the host runs. Each has a home of its own.
 *
 * ```
 *  controller (this process) ──┬── hosts[0] ─── private link ─── hosts[1]
 *                              ├── hosts[1]
 *                              └── …
 * ```
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findProgram, missingPart } from './local-server.ts'
import { clientConfiguration, type KeyPair, knownHost, makeKey, sshdCommand, sshdMissing } from './sshd.ts'

const execute = promisify(execFile)
const ip = (...words: string[]) => execute('ip', words, { timeout: 20_000 })

export type NetworkHost = {
  name: string
  /** `ssh://root@198.18.…` */
  url: string
  address: string
  home: string
  /** Takes the cable out, or puts it back. */
  setLink(state: 'up' | 'down'): Promise<void>
  /** Runs a program in the host's network. */
  run(...argv: [string, ...string[]]): Promise<string>
}

export type NetworkHosts = {
  hosts: NetworkHost[]
  /** For `ssh -F`: knows every host's key. */
  configFile: string
  knownHostsFile: string
  folder: string
  identity: KeyPair
  keys: KeyPair[]
  /** An address of `hosts[1]` that only `hosts[0]` can reach. */
  privateAddress: string
  stop(): Promise<void>
}

const prefix = 'trunkline-'
const folderPrefix = 'trunkline-hosts-'
const startTimeoutMs = 60_000

/** For `test({ skip })`: namespaces need root, and a kernel and a container that let it. */
export function networkHostsMissing(environment = process.env): string | false {
  const sshd = sshdMissing(environment)
  if (sshd !== false) return sshd
  const program = findProgram('ip', environment, ['/usr/sbin', '/sbin'])
  const advice = 'ip is not installed (apt-get install iproute2)'
  const missing = missingPart(program, advice, environment)
  if (missing !== false || program === null) return missing
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  const name = `${prefix}${process.pid}-probe`
  try {
    execFileSync(program, ['netns', 'add', name], { stdio: 'ignore', timeout: 10_000 })
    const words = ['netns', 'exec', name, 'unshare', '--mount', '--pid', '--fork', '--mount-proc', 'true']
    execFileSync(program, words, { stdio: 'ignore', timeout: 10_000 })
    return false
  } catch {
    return 'network namespaces are not permitted here'
  } finally {
    try {
      execFileSync(program, ['netns', 'delete', name], { stdio: 'ignore', timeout: 10_000 })
    } catch {
      // It was never there.
    }
  }
}

/** Starts them with nothing on them but sshd. */
export async function startNetworkHosts(count: number): Promise<NetworkHosts> {
  await removeLeftovers()
  const folder = await mkdtemp(join(tmpdir(), `${folderPrefix}${process.pid}-`))
  const started: Array<{ namespace: string; child: ChildProcess }> = []
  const stop = async () => {
    for (const { child } of started) child.kill('SIGKILL')
    for (const { namespace } of started) await removeNamespace(namespace)
    process.removeListener('exit', endWithUs)
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  const endWithUs = () => {
    for (const { child } of started) child.kill('SIGKILL')
  }
  process.once('exit', endWithUs)
  try {
    const subnet = await freeSubnet()
    const identity = await makeKey(folder, 'user_key')
    const hosts: NetworkHost[] = []
    const keys: KeyPair[] = []
    for (let index = 0; index < count; index++) {
      const namespace = `${prefix}${process.pid}-${index}`
      const link = `tk${process.pid}x${index}`
      const [here, there] = [`198.18.${subnet}.${4 * index + 1}`, `198.18.${subnet}.${4 * index + 2}`]
      await ip('netns', 'add', namespace)
      await ip('link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace)
      await ip('address', 'add', `${here}/30`, 'dev', link)
      await ip('link', 'set', link, 'up')
      await ip('-n', namespace, 'address', 'add', `${there}/30`, 'dev', 'eth0')
      for (const device of ['lo', 'eth0']) await ip('-n', namespace, 'link', 'set', device, 'up')
      const own = join(folder, `host${index + 1}`)
      const home = join(own, 'home')
      mkdirSync(home, { recursive: true })
      const hostKey = await makeKey(own, 'host_key')
      const environment = { HOME: home }
      const server = await sshdCommand({
        folder: own,
        address: '0.0.0.0',
        port: 22,
        hostKey,
        authorized: identity,
        environment,
      })
      started.push({ namespace, child: spawnIn(namespace, server) })
      keys.push(hostKey)
      hosts.push({
        name: `host${index + 1}`,
        url: `ssh://root@${there}`,
        address: there,
        home,
        setLink: async (state) => void (await ip('-n', namespace, 'link', 'set', 'eth0', state)),
        run: async (...argv) => (await ip('netns', 'exec', namespace, ...argv)).stdout,
      })
    }
    const privateAddress = await linkPrivately(started[0]?.namespace, started[1]?.namespace, subnet)
    const knownHostsFile = join(folder, 'known_hosts')
    const known = hosts.flatMap(({ address }, index) => {
      const key = keys[index]
      return key === undefined ? [] : [knownHost(address, 22, key)]
    })
    await writeFile(knownHostsFile, `${known.join('\n')}\n`)
    const configFile = join(folder, 'ssh_config')
    await writeFile(configFile, clientConfiguration(knownHostsFile, identity))
    await Promise.all(hosts.map(({ address }) => greets(address)))
    return { hosts, configFile, knownHostsFile, folder, identity, keys, privateAddress, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** The first process of a process namespace: what it started ends with it. */
function spawnIn(namespace: string, command: readonly string[]): ChildProcess {
  const isolation = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
  return spawn('ip', ['netns', 'exec', namespace, ...isolation, ...command], {
    stdio: 'ignore',
    env: { PATH: process.env['PATH'] },
  })
}

async function linkPrivately(first: string | undefined, second: string | undefined, subnet: number): Promise<string> {
  const address = `198.19.${subnet}.2`
  if (first === undefined || second === undefined) return address
  await ip('-n', first, 'link', 'add', 'private', 'type', 'veth', 'peer', 'name', 'private', 'netns', second)
  await ip('-n', first, 'address', 'add', `198.19.${subnet}.1/30`, 'dev', 'private')
  await ip('-n', second, 'address', 'add', `${address}/30`, 'dev', 'private')
  for (const namespace of [first, second]) await ip('-n', namespace, 'link', 'set', 'private', 'up')
  return address
}

/** RFC 2544 keeps 198.18.0.0/15 for measuring networks: nothing real is there. */
async function freeSubnet(): Promise<number> {
  const { stdout } = await ip('-o', '-4', 'address', 'show')
  for (let attempt = 0; attempt < 250; attempt++) {
    const subnet = (process.pid + attempt) % 250
    if (!stdout.includes(` 198.18.${subnet}.`)) return subnet
  }
  throw new Error('every subnet for tests is taken')
}

/** Of runs that were killed: namespaces and folders are named after the process that made them. */
async function removeLeftovers(): Promise<void> {
  const { stdout } = await ip('netns', 'list')
  for (const [namespace = ''] of stdout.split('\n').map((line) => line.split(' '))) {
    const pid = Number(new RegExp(`^${prefix}(\\d+)-\\d+$`).exec(namespace)?.[1])
    if (Number.isSafeInteger(pid) && pid !== process.pid && !isAlive(pid)) await removeNamespace(namespace)
  }
  for (const name of await readdir(tmpdir())) {
    const pid = Number(new RegExp(`^${folderPrefix}(\\d+)-`).exec(name)?.[1])
    if (Number.isSafeInteger(pid) && !isAlive(pid)) await rm(join(tmpdir(), name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** With every process in it; its ends of the links go with it. */
async function removeNamespace(namespace: string): Promise<void> {
  const { stdout } = await ip('netns', 'pids', namespace).catch(() => ({ stdout: '' }))
  for (const pid of stdout.split('\n').map(Number)) {
    try {
      if (pid > 1) process.kill(pid, 'SIGKILL')
    } catch {
      // It ended meanwhile.
    }
  }
  await ip('netns', 'delete', namespace).catch(() => {})
}

async function greets(address: string): Promise<void> {
  const deadline = performance.now() + startTimeoutMs
  while (performance.now() < deadline) {
    const isUp = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: address, port: 22 })
      const settle = (answer: boolean) => {
        socket.destroy()
        resolve(answer)
      }
      socket.once('data', () => settle(true)).once('error', () => settle(false))
      socket.setTimeout(2000, () => settle(false))
    })
    if (isUp) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`sshd on ${address} did not start`)
}
