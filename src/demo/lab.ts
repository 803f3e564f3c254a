/**
 * What a story of clusters or of AWS plays on: a real API server with its controllers and a real registry, an emulator of
 * AWS; started by `scripts/lab.ts` of a checkout as a process of its own, which ends when its standard input does.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import * as z from 'zod'
import { erroredError } from '../model/index.ts'
import { programFolder } from '../program/index.ts'

export type LabPart = 'cluster' | 'registry' | 'argocd' | 'knative' | 'jobs' | 'hasura' | 'slack' | 'aws' | 'osls'

export type Lab = {
  readonly kubeconfig: string
  /** `127.0.0.1:<port>` */
  readonly registry: string
  /** Folders of helm, kubectl and osls, for PATH. */
  readonly tools: readonly string[]
  /** Null where the story did not ask for it. */
  readonly aws: LabAws | null
  /** Addresses of what stands in for others' services: `hasura/stag`, `slack`. */
  readonly standIns: Readonly<Record<string, string>>
  stop(): Promise<void>
}

export type LabAws = {
  readonly endpoint: string
  readonly account: string
  /** Variables that lead there, with keys that open nothing anywhere else. */
  readonly environment: Readonly<Record<string, string>>
}

const placeSchema = z.object({
  kubeconfig: z.string().nullable(),
  registry: z.string().nullable(),
  helm: z.string(),
  kubectl: z.string(),
  aws: z
    .object({ endpoint: z.string(), account: z.string(), environment: z.record(z.string(), z.string()) })
    .nullable(),
  osls: z.string().nullable(),
  standIns: z.record(z.string(), z.string()),
})

const partMissing = 3
const startTimeoutMs = 180_000
const stopTimeoutMs = 30_000
const maxSaid = 16 * 1024

export async function openLab(
  parts: readonly LabPart[],
  environment: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Lab> {
  const script = join(programFolder, 'scripts', 'lab.ts')
  if (!existsSync(script)) {
    throw erroredError('PART_MISSING', `the story needs ${listed(parts)}, which come with a checkout of Trunkline`, {
      hint: 'clone its repository, and there `npm ci && npm run parts`, then `npm run demo -- --example …`; or follow the README of the example on a cluster of yours',
    })
  }
  const child = spawn(process.execPath, [...process.execArgv, script, ...parts], {
    env: environment,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-maxSaid)
  })
  child.stdin.on('error', () => {}) // It may have ended already.
  const exited = once(child, 'close')
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.stdin.end()
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
    await exited
    clearTimeout(timer)
  }
  const patience = AbortSignal.any([signal, AbortSignal.timeout(startTimeoutMs)])
  try {
    const line = await firstLine(child.stdout, exited, patience)
    if (line === null) throw missingOrBroken(parts, child.exitCode, said)
    const { kubeconfig, registry, helm, kubectl, aws, osls, standIns } = placeSchema.parse(JSON.parse(line))
    return {
      kubeconfig: kubeconfig ?? '',
      registry: registry ?? '',
      tools: [helm, kubectl, ...(osls === null ? [] : [osls])].map((program) => dirname(program)),
      aws,
      standIns,
      stop,
    }
  } catch (error) {
    await stop()
    if (patience.aborted && !signal.aborted) {
      throw erroredError('DEMO_LAB', `${listed(parts)}: not up within ${startTimeoutMs / 1000} s. ${lastLine(said)}`)
    }
    throw error
  }
}

/** Null when it ends without saying anything. */
async function firstLine(
  output: NodeJS.ReadableStream,
  exited: Promise<unknown>,
  signal: AbortSignal,
): Promise<string | null> {
  const lines = createInterface({ input: output })
  try {
    const [line] = await Promise.race([once(lines, 'line', { signal }), exited.then(() => [null])])
    return typeof line === 'string' ? line : null
  } finally {
    lines.close()
  }
}

function missingOrBroken(parts: readonly LabPart[], exitCode: number | null, said: string) {
  if (exitCode !== partMissing) return erroredError('DEMO_LAB', `${listed(parts)}: not up. ${lastLine(said)}`)
  const missing = said.trim().split('\n')
  return erroredError('PART_MISSING', `the story needs parts that are not on this machine: ${missing.join('; ')}`, {
    hint: 'get what is named in brackets and run it again',
  })
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? ''

const partNames: Record<LabPart, string> = {
  cluster: 'a Kubernetes cluster with helm',
  registry: 'an image registry',
  argocd: 'Argo CD',
  knative: 'Knative',
  jobs: 'a node that runs Jobs',
  hasura: 'PostgreSQL',
  slack: 'a stand-in for Slack',
  aws: 'an emulator of AWS',
  osls: 'the Serverless framework',
}
const listed = (parts: readonly LabPart[]): string => parts.map((part) => partNames[part]).join(', ')
