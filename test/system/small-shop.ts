/** The smallest project that has everything a delivery goes through: two services, a stage, and a prod behind it. */
import type { FileChanges } from '../fixtures/repository.ts'

/** Configuration as data: JSON is YAML, and a test changes just what it is about. */
export type Configuration = {
  services?: Record<string, object | null>
  environments?: Record<string, object | null>
  [key: string]: unknown
}

const here = { fleet: { hosts: ['local'] } }

export const smallShopConfiguration = {
  project: 'small-shop',
  services: {
    web: { path: 'web', run: { command: 'node main.js', port: 'PORT' } },
    worker: { path: 'worker', run: 'node main.js' },
  },
  environments: {
    stage: { on: { branch: 'main' }, target: here },
    prod: { on: { tag: 'v*', reachableFrom: 'main' }, after: 'stage', target: here },
  },
} as const

/** `web` answers with this text. */
export const webAnswering = (text: string): string =>
  `require('node:http').createServer((_, answer) => answer.end(${JSON.stringify(text)})).listen(process.env.PORT, '127.0.0.1')\n`

export function smallShop(changes: Configuration = {}): FileChanges {
  return {
    'trunkline.yaml': configurationText(changes),
    'web/main.js': webAnswering('one'),
    'worker/main.js': 'setInterval(() => {}, 60_000)\n',
    'README.md': 'A small shop.\n',
  }
}

/** Services and environments are changed by name (null takes one away), everything else as a whole. */
export function configurationText(changes: Configuration = {}): string {
  const { services, environments, ...rest } = changes
  return `${JSON.stringify(
    {
      ...smallShopConfiguration,
      ...rest,
      services: merged(smallShopConfiguration.services, services),
      environments: merged(smallShopConfiguration.environments, environments),
    },
    null,
    2,
  )}\n`
}

function merged(base: Record<string, object>, changes: Record<string, object | null> = {}): Record<string, object> {
  const result = { ...base }
  for (const [name, change] of Object.entries(changes)) {
    if (change === null) delete result[name]
    else result[name] = { ...base[name], ...change }
  }
  return result
}
