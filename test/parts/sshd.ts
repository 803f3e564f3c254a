/**
 * A real OpenSSH server for as long as a test needs it: on a port of its own, with its own host key, that lets one key
 * in. Whoever logs in has a home of its own, so that nothing of this machine's is touched.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findProgram, freePort, missingPart } from './local-server.ts'

const execute = promisify(execFile)

const folders = ['/usr/sbin', '/usr/local/sbin']

/** For `test({ skip })`. */
export const sshdMissing = (environment = process.env): string | false =>
  missingPart(
    findProgram('sshd', environment, folders) && findProgram('ssh-keygen', environment),
    'sshd is not installed (apt-get install openssh-server openssh-client)',
    environment,
  )

export type KeyPair = { privateFile: string; publicKey: string }

export async function makeKey(folder: string, name: string): Promise<KeyPair> {
  const privateFile = join(folder, name)
  await execute('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', privateFile])
  return { privateFile, publicKey: (await readFile(`${privateFile}.pub`, 'utf8')).trim() }
}

export type SshdSettings = {
  folder: string
  address: string
  port: number
  hostKey: KeyPair
  authorized: KeyPair
  /** Environment of who logs in. */
  environment: Readonly<Record<string, string>>
}

/** Writes the configuration and answers the server's command; it stays in the foreground. */
export async function sshdCommand(settings: SshdSettings): Promise<[string, ...string[]]> {
  const program = findProgram('sshd', process.env, folders)
  if (program === null) throw new Error('sshd is not installed, and in CI no part may be missing')
  const { folder, hostKey } = settings
  const authorizedKeys = join(folder, 'authorized_keys')
  const configuration = join(folder, 'sshd_config')
  await writeFile(authorizedKeys, `${settings.authorized.publicKey}\n`, { mode: 0o600 })
  const variables = Object.entries(settings.environment).map(([name, value]) => `"${name}=${value}"`)
  await writeFile(
    configuration,
    [
      `ListenAddress ${settings.address}`,
      `Port ${settings.port}`,
      `HostKey ${hostKey.privateFile}`,
      `AuthorizedKeysFile ${authorizedKeys}`,
      'PidFile none',
      'UsePAM no',
      'StrictModes no',
      'PermitRootLogin yes',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'LogLevel ERROR',
      ...(variables.length > 0 ? [`SetEnv ${variables.join(' ')}`] : []),
      '',
    ].join('\n'),
  )
  // As root it insists on its empty folder.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true })
  return [program, '-D', '-e', '-f', configuration]
}

/** `known_hosts`' line for a server. */
export const knownHost = (address: string, port: number, { publicKey }: KeyPair): string =>
  `${port === 22 ? address : `[${address}]:${port}`} ${publicKey.split(' ').slice(0, 2).join(' ')}`

export type SshdPart = {
  /** `ssh://user@127.0.0.1:port` */
  host: string
  port: number
  /** Of who logs in; what bootstrap brings is in there. */
  home: string
  /** For `ssh -F`: knows the server's key and has the one it lets in. */
  configFile: string
  knownHostsFile: string
  hostKey: KeyPair
  stop(): Promise<void>
}

/** `environment`: more variables for who logs in. */
export async function startSshd(more: Readonly<Record<string, string>> = {}): Promise<SshdPart> {
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-sshd-'))
  const home = join(folder, 'home')
  mkdirSync(home)
  const port = await freePort()
  const [hostKey, authorized] = await Promise.all([makeKey(folder, 'host_key'), makeKey(folder, 'user_key')])
  const environment = { HOME: home, TRUNKLINE_HOME: join(home, 't'), ...more }
  const command = await sshdCommand({ folder, address: '127.0.0.1', port, hostKey, authorized, environment })
  const knownHostsFile = join(folder, 'known_hosts')
  await writeFile(knownHostsFile, `${knownHost('127.0.0.1', port, hostKey)}\n`)
  const configFile = join(folder, 'ssh_config')
  await writeFile(configFile, clientConfiguration(knownHostsFile, authorized))
  const [program, ...parameters] = command
  const child = spawn(program, parameters, { stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: process.env['PATH'] } })
  const endWithUs = () => child.kill('SIGKILL')
  process.once('exit', endWithUs)
  const stop = async () => {
    process.removeListener('exit', endWithUs)
    await ended(child)
    // Sessions outlive the listener and hold its standard error; they end with the channels of this process.
    child.stderr?.destroy()
    await rm(folder, { recursive: true, force: true })
  }
  try {
    await answers('127.0.0.1', port, child)
  } catch (error) {
    await stop()
    throw error
  }
  const { username } = userInfo()
  return { host: `ssh://${username}@127.0.0.1:${port}`, port, home, configFile, knownHostsFile, hostKey, stop }
}

/** What a person would have in `~/.ssh/config`. */
export const clientConfiguration = (knownHostsFile: string, identity: KeyPair): string =>
  [
    'Host *',
    `  UserKnownHostsFile ${knownHostsFile}`,
    '  GlobalKnownHostsFile none',
    `  IdentityFile ${identity.privateFile}`,
    '  IdentitiesOnly yes',
    '',
  ].join('\n')

const startTimeoutMs = 30_000

/** Until it greets. */
async function answers(address: string, port: number, child: ChildProcess): Promise<void> {
  const { connect } = await import('node:net')
  let log = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    log = (log + chunk.toString('utf8')).slice(-8192)
  })
  const deadline = performance.now() + startTimeoutMs
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`sshd ended with code ${child.exitCode}:\n${log}`)
    const isUp = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: address, port })
      socket.once('data', () => resolve(true)).once('error', () => resolve(false))
      socket.setTimeout(2000, () => resolve(false))
      socket.once('data', () => socket.destroy()).once('timeout', () => socket.destroy())
    })
    if (isUp) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`sshd did not start:\n${log}`)
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 3000)
  await exit
  clearTimeout(timer)
}
