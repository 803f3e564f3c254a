/**
 * Images as processes of this machine. The lab's cluster plays its containers, and none of them answers: so that people
 * can place orders all the same, what the manifests name is pulled by digest, unpacked and started here.
 */
import { join } from 'node:path'
import * as z from 'zod'
import { unpackArtifact } from '../../../artifacts/unpack.ts'
import { type Digest, erroredError, short } from '../../../model/index.ts'
import type { ArtifactStore } from '../../../ports/index.ts'
import { runProcess } from '../../../process/index.ts'

export type RunningService = {
  url: string
  /** Lets running requests finish. */
  stop(): Promise<void>
}

export type RunOptions = { store: ArtifactStore; folder: string; variables: Record<string, string> }

const imageConfigSchema = z.object({
  config: z.object({
    Entrypoint: z.array(z.string()).min(1),
    Cmd: z.array(z.string()).nullish(),
    Env: z.array(z.string()).nullish(),
    WorkingDir: z.string().nullish(),
  }),
})
const listeningSchema = z.object({ message: z.literal('listening'), port: z.number() })

const startTimeoutMs = 30_000
const stopTimeoutMs = 25_000
const dayMs = 24 * 60 * 60_000

/** Started as the image says, on a port of its own choice. */
export async function runImage(digest: Digest, { store, folder, variables }: RunOptions): Promise<RunningService> {
  const patience = AbortSignal.timeout(startTimeoutMs)
  const files = join(folder, short(digest))
  await unpackArtifact(store, digest, files, patience)
  const { config } = imageConfigSchema.parse(await configOf(store, digest, patience))
  const [program = '', ...words] = [...config.Entrypoint, ...(config.Cmd ?? [])]
  const ending = new AbortController()
  const listening = Promise.withResolvers<number>()
  const ended = runProcess({
    argv: [program, ...words],
    cwd: join(files, config.WorkingDir ?? ''),
    env: {
      PATH: process.env['PATH'] ?? '',
      ...Object.fromEntries(
        (config.Env ?? []).map((pair) => [pair.split('=', 1)[0] ?? '', pair.replace(/^[^=]*=/, '')]),
      ),
      ...variables,
      HOST: '127.0.0.1',
      PORT: '0',
    },
    timeoutMs: dayMs,
    killAfterMs: stopTimeoutMs,
    signal: ending.signal,
    keepOutput: false,
    endWithUs: true,
    onLine: (line) => {
      const said = listeningSchema.safeParse(parsed(line))
      if (said.success) listening.resolve(said.data.port)
    },
  })
    .then(({ exitCode, stderr }) => notUp(digest, `it ended with ${exitCode}: ${stderr.trim().slice(-500)}`))
    .catch((error: unknown) => (ending.signal.aborted ? notUp(digest, 'it was ended') : error))
  const isLate = new Promise((resolve) => patience.addEventListener('abort', resolve, { once: true }))
  const port = await Promise.race([listening.promise, ended, isLate.then(() => notUp(digest, 'it says nothing'))])
  const stop = async () => {
    ending.abort()
    await ended
  }
  if (typeof port === 'number') return { url: `http://127.0.0.1:${port}`, stop }
  await stop()
  throw port
}

const notUp = (digest: Digest, why: string) =>
  erroredError('DEMO_IMAGE', `image ${short(digest)} did not start: ${why}`)

async function configOf(store: ArtifactStore, digest: Digest, signal: AbortSignal): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of await store.blob((await store.manifest(digest, signal)).config, signal)) chunks.push(chunk)
  return JSON.parse(Buffer.concat(chunks).toString('utf8'))
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}
