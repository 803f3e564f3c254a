/**
 * Puts this program and the Node that runs it on a host that has nothing but sshd and a POSIX shell. Each is copied
 * once: by version and by digest, beside its place and then moved there. What runs is not touched.
 */
import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, realpathSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { erroredError } from '../../../model/index.ts'
import { type AgentProgram, agentProgram } from './agent-program.ts'
import {
  installRuntimeCommand,
  linkRuntimeCommand,
  probeCommand,
  probeMark,
  runtimeId,
  scriptCommand,
} from './host-scripts.ts'
import { installProgram } from './install-program.ts'
import { runOverSsh, type SshHost } from './run-over-ssh.ts'

export type HostFacts = {
  system: string
  machine: string
  isMusl: boolean
  hasRuntime: boolean
  hasProgram: boolean
  hasGzip: boolean
  ownNode: string | null
  freeBytes: number
  folder: string
}

/** What was done, for people. */
export type BootstrapReport = {
  facts: HostFacts
  runtime: 'there' | 'copied' | 'linked'
  program: 'there' | 'copied'
  /** Over the network: compressed, where the host can undo it. */
  sentBytes: number
}

const copyTimeoutMs = 15 * 60_000
const probeTimeoutMs = 30_000
/** Node, the program, and room to work. */
const neededBytes = 300 * 1024 * 1024
const oldestOwnNode = 24

/** Idempotent. Errored `HOST_PLATFORM`, `HOST_DISK_FULL`, `HOST_BOOTSTRAP`, or whatever `ssh` says. */
export async function bootstrapHost(host: SshHost, signal: AbortSignal): Promise<BootstrapReport> {
  const program = agentProgram()
  const facts = await probe(host, program, signal)
  let sentBytes = 0
  const runtime = facts.hasRuntime ? 'there' : await installRuntime()
  if (!facts.hasProgram) sentBytes += await sendProgram(host, program, signal)
  return { facts, runtime, program: facts.hasProgram ? 'there' : 'copied', sentBytes }

  async function installRuntime(): Promise<'copied' | 'linked'> {
    if (facts.freeBytes < neededBytes) {
      const freeMb = Math.floor(facts.freeBytes / 1_048_576)
      throw erroredError('HOST_DISK_FULL', `${host.name} has ${freeMb} MB free where ${facts.folder} is`, {
        hint: `Trunkline's agent needs ${neededBytes / 1_048_576} MB there; artifacts and logs need more.`,
      })
    }
    if (canRunOurNode(facts)) {
      sentBytes += await sendRuntime(host, facts.hasGzip, signal)
      return 'copied'
    }
    if (facts.ownNode === null || Number(/^v(\d+)/.exec(facts.ownNode)?.[1] ?? 0) < oldestOwnNode) {
      const there = `${facts.system} ${facts.machine}${facts.isMusl ? ' with musl' : ''}`
      throw erroredError('HOST_PLATFORM', `${host.name} is ${there}; the Node here runs on ${ourPlatform()} alone`, {
        hint: `Install Node ${oldestOwnNode} or newer on ${host.name}${facts.ownNode === null ? '' : ` (it has ${facts.ownNode})`}, on the PATH that ssh gives: then that is used.`,
      })
    }
    await run(host, linkRuntimeCommand(randomBytes(6).toString('hex')), null, signal)
    return 'linked'
  }
}

const machines: Readonly<Record<string, readonly string[]>> = {
  x64: ['x86_64', 'amd64'],
  arm64: ['aarch64', 'arm64'],
}
const systems: Readonly<Record<string, string>> = { linux: 'Linux', darwin: 'Darwin' }

const isMuslHere = (): boolean => {
  // Else it looks up the names of our network's peers. The compiler's Node does not know it yet.
  Object.assign(process.report, { excludeNetwork: true })
  const report: unknown = process.platform === 'linux' ? process.report.getReport() : null
  const header = typeof report === 'object' && report !== null && 'header' in report ? report.header : null
  return (
    process.platform === 'linux' && !(header !== null && typeof header === 'object' && 'glibcVersionRuntime' in header)
  )
}

const canRunOurNode = ({ system, machine, isMusl }: HostFacts): boolean =>
  systems[process.platform] === system &&
  (machines[process.arch]?.includes(machine) ?? false) &&
  (process.platform !== 'linux' || isMusl === isMuslHere())

const ourPlatform = (): string => `${process.platform} ${process.arch}${isMuslHere() ? ' with musl' : ''}`

async function probe(host: SshHost, program: AgentProgram, signal: AbortSignal): Promise<HostFacts> {
  const output = await run(host, probeCommand(program.id), null, signal, probeTimeoutMs)
  const facts = new Map(
    output.split('\n').flatMap((line): Array<[string, string]> => {
      const [, name, value = ''] = new RegExp(`^${probeMark} (\\w+) ?(.*)$`).exec(line.trim()) ?? []
      return name === undefined ? [] : [[name, value.trim()]]
    }),
  )
  const [system = '', machine = ''] = (facts.get('system') ?? '').split(' ')
  const [, , , freeKib = '0'] = (facts.get('free') ?? '').split(/\s+/)
  const [, ownNode = null] = (facts.get('node') ?? '').split(' ')
  return {
    system,
    machine,
    isMusl: facts.get('libc') === 'musl',
    hasRuntime: facts.get('runtime') === 'yes',
    hasProgram: facts.get('program') === 'yes',
    hasGzip: facts.get('gzip') !== '',
    ownNode,
    freeBytes: Number(freeKib) * 1024,
    folder: facts.get('folder') ?? '',
  }
}

async function sendRuntime(host: SshHost, compress: boolean, signal: AbortSignal): Promise<number> {
  const node = realpathSync(process.execPath)
  const { size } = await stat(node)
  const file = createReadStream(node, { highWaterMark: 1024 * 1024 })
  const input = compress ? file.pipe(createGzip({ level: 1, chunkSize: 1024 * 1024 })) : file
  file.once('error', (fault) => input.destroy(fault))
  const hash = createHash('sha256')
  file.on('data', (chunk: string | Buffer) => hash.update(chunk))
  let sentBytes = 0
  input.on('data', (chunk: Buffer) => {
    sentBytes += chunk.length
  })
  const output = await run(host, installRuntimeCommand(token(), size, compress), input, signal)
  if (!output.includes(`v${process.versions.node}`)) {
    throw erroredError(
      'HOST_BOOTSTRAP',
      `the Node that was copied to ${host.name} does not run there: ${output.trim()}`,
    )
  }
  await verifyRuntime(host, hash.digest('hex'), signal)
  return sentBytes
}

/** It is what it was here, byte for byte: the host tells the digest of the file it runs from. */
async function verifyRuntime(host: SshHost, digest: string, signal: AbortSignal): Promise<void> {
  const told = await run(host, scriptCommand(`(${digestOfRuntime.toString()})()`), null, signal)
  if (told.includes(digest)) return
  throw erroredError('HOST_BOOTSTRAP', `the Node that was copied to ${host.name} is not what was sent`, {
    hint: `Delete ${runtimeId} in agent/runtimes of Trunkline's folder there, and try again.`,
  })
}

/** Runs on the host, as text. */
function digestOfRuntime(): void {
  const { createHash } = process.getBuiltinModule('node:crypto')
  const { readFileSync } = process.getBuiltinModule('node:fs')
  process.stdout.write(createHash('sha256').update(readFileSync(process.execPath)).digest('hex'))
}

async function sendProgram(host: SshHost, program: AgentProgram, signal: AbortSignal): Promise<number> {
  const archive = program.archive()
  const source = `(${installProgram.toString()})()`
  const command = scriptCommand(source, program.id, program.archiveDigest, runtimeId)
  const output = await run(host, command, Readable.from([archive]), signal)
  if (output.includes('TRUNKLINE-INSTALLED')) return archive.length
  throw erroredError('HOST_BOOTSTRAP', `${host.name} did not take the agent's program: ${output.trim()}`)
}

const token = (): string => randomBytes(6).toString('hex')

const run = (
  host: SshHost,
  command: string,
  input: Readable | null,
  signal: AbortSignal,
  timeoutMs = copyTimeoutMs,
): Promise<string> => runOverSsh(host, { command, input, timeoutMs, signal })
