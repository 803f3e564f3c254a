/** A small shop on the local fleet: what a delivery goes through, with next to no build and start time of its own. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { systemClock } from '../../src/clock/index.ts'
import { homeAt } from '../../src/home/index.ts'
import { shutDownFleet } from '../../src/targets/fleet/administration.ts'
import { git, type Scratch } from './scratch.ts'

export type Shop = { clone: string; remote: string; names: readonly string[] }

const page = (text: string): string =>
  `require('node:http').createServer((_, answer) => answer.end(${JSON.stringify(text)})).listen(process.env.PORT, '127.0.0.1')\n`

/** Services `s0`, `s1`, … that answer on a port each. */
export function makeShop(scratch: Scratch, services: number, options: { replicas?: number } = {}): Shop {
  scratch.endings.push(() => endFleet(scratch))
  const clone = join(scratch.path, 'shop')
  const remote = join(scratch.path, 'shop.git')
  const names = Array.from({ length: services }, (_, index) => `s${index}`)
  mkdirSync(clone)
  git(scratch, clone, 'init', '--quiet', '--initial-branch=main')
  git(scratch, scratch.path, 'init', '--quiet', '--bare', '--initial-branch=main', remote)
  git(scratch, clone, 'remote', 'add', 'origin', remote)
  const configuration = {
    project: 'bench-shop',
    services: Object.fromEntries(
      names.map((name) => [name, { path: name, run: { command: 'node main.js', port: 'PORT' } }]),
    ),
    environments: {
      stage: { on: { branch: 'main' }, target: { fleet: { hosts: ['local'], replicas: options.replicas ?? 1 } } },
    },
  }
  write(clone, 'trunkline.yaml', JSON.stringify(configuration, null, 2))
  for (const name of names) write(clone, `${name}/main.js`, page('one'))
  const shop = { clone, remote, names }
  push(scratch, shop, 'first')
  return shop
}

export function changeService(scratch: Scratch, shop: Shop, name: string, text: string): void {
  write(shop.clone, `${name}/main.js`, page(text))
  push(scratch, shop, text)
}

export function changeAll(scratch: Scratch, shop: Shop, text: string): void {
  for (const name of shop.names) write(shop.clone, `${name}/main.js`, page(text))
  push(scratch, shop, text)
}

function push(scratch: Scratch, { clone }: Shop, message: string): void {
  git(scratch, clone, 'add', '--all')
  git(scratch, clone, 'commit', '--quiet', '--message', message)
  git(scratch, clone, 'push', '--quiet', 'origin', 'main')
}

function write(clone: string, path: string, text: string): void {
  mkdirSync(dirname(join(clone, path)), { recursive: true })
  writeFileSync(join(clone, path), text)
}

/** Ends everything that deliveries of this benchmark started on this machine. */
export async function endFleet(scratch: Scratch): Promise<void> {
  await shutDownFleet({ home: homeAt(scratch.environment), clock: systemClock }, 'stop', AbortSignal.timeout(120_000))
}
