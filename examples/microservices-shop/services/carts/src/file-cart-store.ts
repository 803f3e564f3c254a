/**
 * The stand-in for Redis: one file a cart, to which every change is appended as a line. Appending needs no lock: the
 * system puts whole lines one after the other, whichever instance writes them, and a killed one leaves no half change.
 */
import { appendFile, mkdir, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { HttpError, integer, object, oneOf, read, text } from '@shop/common'
import { type CartContent, type CartStore, cartLifetimeMs } from './cart-store.ts'

const changeShape = object({ change: oneOf('add', 'set'), product: text(), quantity: integer() })

/** Some thousand changes: nobody shops like that. */
const maxFileBytes = 256 * 1024
const sweepEveryMs = 60 * 60_000

export async function openFileCartStore(folder: string, { now }: { now: () => number }): Promise<CartStore> {
  const carts = join(folder, 'carts')
  const fileOf = (cart: string) => join(carts, `${cart}.jsonl`)
  await mkdir(carts, { recursive: true })
  const sweeping = setInterval(() => removeForgottenCarts(carts, now()).catch(() => {}), sweepEveryMs).unref()

  async function append(cart: string, change: { change: 'add' | 'set'; product: string; quantity: number }) {
    const size = await stat(fileOf(cart)).catch(ifMissing({ size: 0 }))
    if (size.size > maxFileBytes) throw new HttpError(409, 'cart-worn-out', 'this cart was changed too often')
    await appendFile(fileOf(cart), `${JSON.stringify(change)}\n`)
  }

  return {
    content: async (cart) => contentOf(await readFile(fileOf(cart), 'utf8').catch(ifMissing(''))),
    add: (cart, product, quantity) => append(cart, { change: 'add', product, quantity }),
    set: (cart, product, quantity) => append(cart, { change: 'set', product, quantity }),
    clear: (cart) => rm(fileOf(cart), { force: true }),
    close: async () => clearInterval(sweeping),
  }
}

function contentOf(lines: string): CartContent {
  const content = new Map<string, number>()
  for (const line of lines.split('\n')) {
    if (line === '') continue
    const { change, product, quantity } = read(changeShape, JSON.parse(line))
    const total = change === 'add' ? (content.get(product) ?? 0) + quantity : quantity
    if (total > 0) content.set(product, total)
    else content.delete(product)
  }
  return content
}

/** Files that went away meanwhile are gone already. */
async function removeForgottenCarts(carts: string, nowMs: number): Promise<void> {
  for (const name of await readdir(carts)) {
    const file = join(carts, name)
    const changed = await stat(file).catch(ifMissing(null))
    if (changed !== null && nowMs - changed.mtimeMs > cartLifetimeMs) await rm(file, { force: true })
  }
}

const ifMissing =
  <T>(fallback: T) =>
  (error: NodeJS.ErrnoException): T => {
    if (error.code !== 'ENOENT') throw error
    return fallback
  }
