/**
 * The address of one environment, where its Ingress would be: answered by the images that the manifest repository names
 * there at that moment. It looks before each request, so that nobody is answered by what was replaced.
 */
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, request as openRequest, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { parse } from 'yaml'
import * as z from 'zod'
import { type Digest, isDigest } from '../../../model/index.ts'
import type { ArtifactStore } from '../../../ports/index.ts'
import { runProcess } from '../../../process/index.ts'
import { type RunningService, runImage } from './running-images.ts'

export type FrontDoor = {
  readonly environment: string
  readonly url: string
  /** Whether anything was deployed there yet. */
  isOpen(): boolean
  close(): Promise<void>
}

export type FrontDoorOptions = {
  environment: string
  /** The bare manifest repository. */
  manifests: string
  store(): ArtifactStore
  folder: string
}

type Replica = RunningService & { images: string; requests: number }

const kustomizationSchema = z.object({
  images: z.array(z.object({ name: z.string(), digest: z.string().optional() })),
})
const gitTimeoutMs = 20_000
const idlePollMs = 20

export async function openFrontDoor(options: FrontDoorOptions): Promise<FrontDoor> {
  const { environment, manifests } = options
  let seen = ''
  let current: Replica | null = null
  let turn: Promise<void> = Promise.resolve()
  const retiring = new Set<Promise<void>>()

  /** One look at a time; the next one sees what this one did. */
  const follow = (): Promise<void> => {
    turn = turn.then(look, look)
    return turn
  }
  async function look(): Promise<void> {
    const tip = await tipOf(manifests)
    if (tip === seen) return
    const images = await imagesAt(manifests, tip, environment)
    if (images !== null && JSON.stringify(images) !== current?.images) {
      const next = await start(images, options)
      if (current !== null) retire(current)
      current = next
    }
    seen = tip
  }
  function retire(replica: Replica): void {
    const retired = whenIdle(replica).then(() => replica.stop())
    retiring.add(retired)
    void retired.finally(() => retiring.delete(retired))
  }

  const server = createServer({ keepAliveTimeout: 60_000 }, async (request, response) => {
    // What does not start replaces nothing, as in a rollout.
    await follow().catch(() => {})
    const replica = current
    if (replica === null) return void response.writeHead(503).end()
    replica.requests += 1
    await forward(replica.url, request, response)
    replica.requests -= 1
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // it listens on TCP
  return {
    environment,
    url: `http://127.0.0.1:${port}`,
    isOpen: () => current !== null,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await turn.catch(() => {})
      await Promise.all([...retiring, current?.stop()])
    },
  }
}

/** Read as a file: it is asked for with every request. */
const tipOf = async (manifests: string): Promise<string> =>
  (await readFile(join(manifests, 'refs', 'heads', 'main'), 'utf8')).trim()

async function imagesAt(manifests: string, tip: string, environment: string): Promise<Record<string, Digest> | null> {
  const ended = await runProcess({
    argv: ['git', 'show', `${tip}:environments/${environment}/kustomization.yaml`],
    cwd: manifests,
    env: { PATH: process.env['PATH'] ?? '' },
    timeoutMs: gitTimeoutMs,
  })
  const { images } = kustomizationSchema.parse(parse(ended.stdout.toString('utf8')))
  const found: Record<string, Digest> = {}
  for (const { name, digest } of images) {
    if (digest === undefined || !isDigest(digest)) return null
    found[name] = digest
  }
  return found
}

async function start(images: Record<string, Digest>, { store, folder }: FrontDoorOptions): Promise<Replica> {
  const { orders, notifications } = images
  if (orders === undefined || notifications === undefined) throw new Error('an environment runs two services')
  const options = { store: store(), folder }
  const neighbour = await runImage(notifications, { ...options, variables: {} })
  try {
    const service = await runImage(orders, { ...options, variables: { NOTIFICATIONS_URL: neighbour.url } })
    return {
      url: service.url,
      images: JSON.stringify(images),
      requests: 0,
      async stop() {
        await service.stop()
        await neighbour.stop()
      },
    }
  } catch (error) {
    await neighbour.stop()
    throw error
  }
}

async function whenIdle(replica: Replica): Promise<void> {
  while (replica.requests > 0) await new Promise((resolve) => setTimeout(resolve, idlePollMs))
}

const forward = (to: string, request: IncomingMessage, response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    response.once('close', resolve)
    const { connection: _hop, host: _own, ...headers } = request.headers
    const sent = openRequest(new URL(request.url ?? '/', to), { method: request.method, headers }, (answer) => {
      const { connection: _theirs, 'keep-alive': _kept, ...answered } = answer.headers
      response.writeHead(answer.statusCode ?? 502, answered)
      answer.on('error', () => response.destroy())
      answer.pipe(response)
    })
    sent.on('error', () => {
      if (response.headersSent) response.destroy()
      else response.writeHead(502).end()
    })
    request.pipe(sent)
  })
