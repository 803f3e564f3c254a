import assert from 'node:assert/strict'
import { appendFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openFileCartStore } from '../src/file-cart-store.ts'

async function temporaryFolder(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'carts-'))
  context.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

const openStore = (folder: string) => openFileCartStore(folder, { now: Date.now })

test('what one instance puts in, another one finds', async (context) => {
  const folder = await temporaryFolder(context)
  const [here, there] = [await openStore(folder), await openStore(folder)]
  await here.add('cart', 'honey', 2)
  await there.add('cart', 'honey', 1)
  await there.add('cart', 'radio', 1)
  assert.deepEqual(
    [...(await here.content('cart'))],
    [
      ['honey', 3],
      ['radio', 1],
    ],
  )
})

test('things added at the same moment by several instances all count', async (context) => {
  const folder = await temporaryFolder(context)
  const stores = await Promise.all([1, 2, 3].map(() => openStore(folder)))
  await Promise.all(stores.flatMap((store) => Array.from({ length: 20 }, () => store.add('cart', 'honey', 1))))
  assert.deepEqual([...(await (await openStore(folder)).content('cart'))], [['honey', 60]])
})

test('a quantity of nothing takes a product out, and clearing empties the cart for good', async (context) => {
  const store = await openStore(await temporaryFolder(context))
  await store.add('cart', 'honey', 2)
  await store.add('cart', 'radio', 1)
  await store.set('cart', 'honey', 0)
  assert.deepEqual([...(await store.content('cart'))], [['radio', 1]])
  await store.clear('cart')
  await store.clear('cart')
  assert.equal((await store.content('cart')).size, 0)
})

test('carts do not mix', async (context) => {
  const store = await openStore(await temporaryFolder(context))
  await store.add('one', 'honey', 2)
  assert.equal((await store.content('two')).size, 0)
})

test('a cart that is changed without an end is refused at some point, not read for ever', async (context) => {
  const folder = await temporaryFolder(context)
  const store = await openStore(folder)
  const line = `${JSON.stringify({ change: 'set', product: 'honey', quantity: 1 })}\n`
  await appendFile(join(folder, 'carts', 'cart.jsonl'), line.repeat(6000))
  await assert.rejects(store.add('cart', 'honey', 1), { code: 'cart-worn-out' })
})
