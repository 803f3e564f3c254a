/** Real keys and signatures by the real `ssh-keygen`. */
import { execFile, execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export type TestKey = {
  /** The private key's file. */
  path: string
  /** `ssh-ed25519 AAAA…` without comment. */
  publicKey: string
}

export function makeKey(folder: string, name: string, type: readonly string[] = ['ed25519'], passphrase = ''): TestKey {
  const path = join(folder, name)
  const [kind = 'ed25519', bits] = type
  execFileSync('ssh-keygen', [
    '-q',
    '-t',
    kind,
    ...(bits ? ['-b', bits] : []),
    '-N',
    passphrase,
    '-C',
    name,
    '-f',
    path,
  ])
  return { path, publicKey: readFileSync(`${path}.pub`, 'utf8').split(' ').slice(0, 2).join(' ') }
}

/** As `ssh-keygen -Y sign` makes it on a terminal. */
export function signByHand(
  key: TestKey,
  message: string | Uint8Array,
  { namespace = 'git', hash }: { namespace?: string; hash?: string } = {},
): string {
  const options = hash ? ['-O', `hashalg=${hash}`] : []
  return execFileSync('ssh-keygen', ['-q', '-Y', 'sign', '-n', namespace, ...options, '-f', key.path], {
    input: message,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'ignore'],
  })
}

/** Whether `ssh-keygen -Y verify` takes it. */
export function verifyByHand(allowedSigners: string, principal: string, signatureFile: string, message: Uint8Array) {
  return new Promise<boolean>((resolve, reject) => {
    const argv = ['-Y', 'verify', '-f', allowedSigners, '-I', principal, '-n', 'git', '-s', signatureFile]
    const child = spawn('ssh-keygen', argv, { stdio: ['pipe', 'ignore', 'ignore'] })
    child.on('error', reject)
    child.on('close', (code) => resolve(code === 0))
    child.stdin.end(message)
  })
}

export type TestAgent = Disposable & { socket: string; add(key: TestKey): Promise<void> }

/** A real `ssh-agent`, gone with the test. */
export async function startAgent(folder: string): Promise<TestAgent> {
  const socket = join(folder, 'agent.sock')
  const child = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] })
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.stdout.once('data', () => resolve())
  })
  return {
    socket,
    add: (key) =>
      new Promise((resolve, reject) => {
        execFile('ssh-add', ['-q', key.path], { env: { ...process.env, SSH_AUTH_SOCK: socket } }, (error) =>
          error ? reject(error) : resolve(),
        )
      }),
    [Symbol.dispose]: () => void child.kill('SIGTERM'),
  }
}
