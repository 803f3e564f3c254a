/** A shop whose prod asks two people, of whom neither wrote the commit. */
import assert from 'node:assert/strict'
import type { Actor } from '../../src/model/index.ts'
import {
  ada,
  type Bench,
  ben,
  type Controller,
  cleo,
  createBench,
  outcomes,
  type ShopConfig,
  shopConfig,
} from '../fixtures/world.ts'

export const approvingConfig = (prod: Record<string, unknown> = {}): ShopConfig =>
  shopConfig((shop) => {
    Object.assign(shop.services['carts'] ?? {}, { env: { TOKEN: { from: 'TOKEN', secret: true, default: 'none' } } })
    Object.assign(shop.environments['prod'] ?? {}, {
      approval: { by: ['@managers'], quorum: 1, notAuthor: true, expires: '7d' },
      ...prod,
    })
    shop['people'] = { managers: [ada, ben, cleo].map(({ name, email }) => ({ name, email })) }
  })

/** Main is delivered to stage. */
export async function createApproving(config: ShopConfig = approvingConfig()): Promise<Bench> {
  const bench = await createBench({ config })
  await bench.deliver('main')
  return bench
}

export const person = (bench: Bench, actor: Actor): Promise<Controller> => bench.controller({ name: actor.name, actor })

/** Tags what main is, and delivers the tag: it waits for approval. */
export async function waitsForApproval(bench: Bench, tag: string, at = 'HEAD'): Promise<void> {
  const result = await bench.deliver(await bench.tag(tag, at))
  assert.deepEqual(outcomes(result), { prod: 'waiting' })
}

/** The same, approved by Ben. */
export async function approved(bench: Bench, tag: string): Promise<void> {
  await waitsForApproval(bench, tag)
  await (await person(bench, ben)).approve('prod')
}
