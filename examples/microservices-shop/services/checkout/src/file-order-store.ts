/** The stand-in for Redis: one file an order. It appears whole, and the first one stays. */
import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Order, orderShape, read } from '@shop/common'
import type { OrderStore } from './order-store.ts'

export async function openFileOrderStore(folder: string): Promise<OrderStore> {
  const orders = join(folder, 'orders')
  const fileOf = (id: string) => join(orders, `${id}.json`)
  await mkdir(orders, { recursive: true })

  const find = async (id: string): Promise<Order | null> => {
    const json = await readFile(fileOf(id), 'utf8').catch(ifCode('ENOENT', null))
    return json === null ? null : read(orderShape, JSON.parse(json))
  }
  return {
    find,
    async keep(order) {
      const written = join(orders, `.${randomUUID()}.new`)
      await writeFile(written, JSON.stringify(order))
      // A link fails where the name is taken: no order is ever replaced.
      await link(written, fileOf(order.id)).catch(ifCode('EEXIST', undefined))
      await rm(written)
      return (await find(order.id)) ?? order
    },
    async close() {},
  }
}

const ifCode =
  <T>(code: string, fallback: T) =>
  (error: NodeJS.ErrnoException): T => {
    if (error.code !== code) throw error
    return fallback
  }
