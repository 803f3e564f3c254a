/**
 * This process's own key, and signing with it: by `ssh-keygen -Y sign`, which asks the agent first and else reads the
 * key's file. The key itself is never read here.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { cancelledError, erroredError, usageError } from '../model/index.ts'
import type { Signer } from '../ports/index.ts'
import { runProcess } from '../process/index.ts'
import { publicHalf } from './private-key-file.ts'
import { type PublicKey, parsePublicKey } from './public-key.ts'
import { gitNamespace } from './ssh-signature.ts'

export type OwnKeyOptions = {
  /** Path of a private or a public key's file, or a public key itself. */
  key: string
  /** Who says so, for errors: `TRUNKLINE_SIGNING_KEY`, `user.signingKey`. */
  saidBy: string
  environment: NodeJS.ProcessEnv
}

/** A key in hardware waits for a finger. */
const signTimeoutMs = 60_000
const maxKeyFileBytes = 64 * 1024
const maxSignatureBytes = 64 * 1024

/** Where a process finds its key: its own variable, else git's setting. null where neither names one. */
export function ownKeyFrom(
  environment: NodeJS.ProcessEnv,
  gitSetting: (key: string) => string | null,
): Pick<OwnKeyOptions, 'key' | 'saidBy'> | null {
  const own = environment['TRUNKLINE_SIGNING_KEY']
  if (own) return { key: own, saidBy: 'TRUNKLINE_SIGNING_KEY' }
  const ofGit = gitSetting('user.signingkey')
  return gitSetting('gpg.format') === 'ssh' && ofGit ? { key: ofGit, saidBy: 'user.signingKey' } : null
}

/** Reads the public half; signs when asked. Throws `SIGNING_KEY_UNREADABLE`. */
export async function openSigner(options: OwnKeyOptions): Promise<Signer> {
  const literal = literalKey(options.key)
  const path = literal === null ? expandHome(options.key, options.environment) : null
  const key = literal === null ? await readKeyFile(path ?? '', options) : parsed(literal, options)
  return {
    publicKey: key.base64,
    fingerprint: key.fingerprint,
    sign: (message, signal) =>
      path !== null
        ? signWith(path, message, options, signal)
        : withTemporaryFile(`${key.type} ${key.base64}\n`, (file) => signWith(file, message, options, signal)),
  }
}

/** As git takes them: `key::ssh-ed25519 AAAA…`, or the key alone. */
function literalKey(text: string): string | null {
  if (text.startsWith('key::')) return text.slice('key::'.length)
  return /^(?:ssh-|ecdsa-|sk-)\S+ \S+/.test(text) ? text : null
}

const expandHome = (path: string, environment: NodeJS.ProcessEnv): string =>
  path.startsWith('~/') ? join(environment['HOME'] || homedir(), path.slice(2)) : path

async function readKeyFile(path: string, options: OwnKeyOptions): Promise<PublicKey> {
  const text = await readSmall(path)
  if (text instanceof Error) throw unreadable(options, text.message)
  if (/^(?:ssh-|ecdsa-|sk-)/.test(text)) return parsed(text, options)
  try {
    const half = publicHalf(text)
    if (half !== null) return half
  } catch (error) {
    throw unreadable(options, error instanceof Error ? error.message : String(error))
  }
  if (!text.includes('PRIVATE KEY')) throw unreadable(options, 'it is not an SSH key')
  const beside = await readSmall(`${path}.pub`)
  if (!(beside instanceof Error)) return parsed(beside, options)
  throw unreadable(options, `its public half is not beside it: ssh-keygen -y -f ${path} > ${path}.pub`)
}

async function readSmall(path: string): Promise<string | Error> {
  try {
    const bytes = await readFile(path)
    return bytes.length > maxKeyFileBytes ? new Error('it is too large for a key') : bytes.toString('utf8')
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

function parsed(text: string, options: OwnKeyOptions): PublicKey {
  try {
    return parsePublicKey(text.split('\n')[0] ?? '')
  } catch (error) {
    throw unreadable(options, error instanceof Error ? error.message : String(error))
  }
}

const unreadable = ({ saidBy }: OwnKeyOptions, why: string) =>
  usageError('SIGNING_KEY_UNREADABLE', `the signing key that ${saidBy} names cannot be read: ${why}`, {
    hint: `${saidBy} takes the path of a private SSH key, or of the public half of one that ssh-agent holds`,
  })

async function signWith(
  file: string,
  message: Uint8Array,
  { environment }: OwnKeyOptions,
  signal: AbortSignal,
): Promise<string> {
  const env = Object.fromEntries(Object.entries(environment).flatMap(([name, value]) => (value ? [[name, value]] : [])))
  const end = await runProcess({
    argv: ['ssh-keygen', '-Y', 'sign', '-n', gitNamespace, '-f', file],
    env,
    input: message,
    timeoutMs: signTimeoutMs,
    maxOutputBytes: maxSignatureBytes,
    signal,
  })
  if (signal.aborted) throw cancelledError('signing was cancelled')
  if (end.kind === 'exited' && end.exitCode === 0) return end.stdout.toString('latin1')
  const why = end.kind === 'timed-out' ? 'it did not end in time' : (end.stderr.trim().split('\n').at(-1) ?? '')
  throw erroredError('SIGNING_FAILED', `ssh-keygen could not sign with ${file}: ${why}`, {
    hint: 'a key with a passphrase, or a public half alone, needs ssh-agent: ssh-add <key>',
  })
}

async function withTemporaryFile<Result>(text: string, work: (file: string) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-key-'))
  try {
    const file = join(folder, 'key.pub')
    await writeFile(file, text, { mode: 0o600 })
    return await work(file)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
