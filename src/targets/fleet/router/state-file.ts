/** What the router must know to come back by itself: `router.json` in its folder. */
import { open, readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { type ServiceSpec, serviceSpecSchema } from './protocol.ts'

/** Pairs, since a key may be any text, `__proto__` too. */
const stateSchema = z.object({
  version: z.literal(1),
  ports: z.array(z.tuple([z.string(), z.number().int()])),
  services: z.array(z.tuple([z.string(), serviceSpecSchema])),
})

export type RouterState = {
  /** Ports given to keys that asked for none in particular; kept for ever, also after their service is deleted. */
  ports: ReadonlyMap<string, number>
  services: ReadonlyMap<string, ServiceSpec>
}

export type StateFile = {
  /** The state last written; an empty one where there is none. A file that makes no sense is put aside. */
  read(): Promise<{ state: RouterState /** Where an unreadable file was put. */; putAside: string | null }>
  /** Whole or not at all, and durable. */
  write(state: RouterState): Promise<void>
}

const empty: RouterState = { ports: new Map(), services: new Map() }

export function stateFileIn(directory: string): StateFile {
  const path = join(directory, 'router.json')
  return {
    async read() {
      const text = await readFile(path, 'utf8').catch(ifMissing)
      const state = text === null ? empty : parse(text)
      if (state !== null) return { state, putAside: null }
      const putAside = `${path}.unreadable`
      await rename(path, putAside)
      return { state: empty, putAside }
    },
    write({ ports, services }) {
      const state: z.infer<typeof stateSchema> = { version: 1, ports: [...ports], services: [...services] }
      return replaceDurably(path, `${JSON.stringify(state, null, 2)}\n`)
    },
  }
}

function parse(text: string): RouterState | null {
  try {
    const { data } = stateSchema.safeParse(JSON.parse(text))
    return data ? { ports: new Map(data.ports), services: new Map(data.services) } : null
  } catch {
    return null
  }
}

function ifMissing(cause: NodeJS.ErrnoException): null {
  if (cause.code === 'ENOENT') return null
  throw cause
}

/** Asynchronous, unlike the agent's: traffic flows on while the disk takes its time. */
async function replaceDurably(path: string, content: string): Promise<void> {
  const beside = `${path}.new`
  const file = await open(beside, 'w', 0o600)
  try {
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(beside, path)
  const folder = await open(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
