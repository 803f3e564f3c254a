/** The files we write for nginx, as text. */
import { isIPv6 } from 'node:net'
import type { BackendSpec } from '../router/index.ts'
import { wholeWeights } from './watched-backends.ts'

/** nginx has no bound; beyond this a weight says nothing more. */
const maxWeight = 1000

const headerStart = '# Written by Trunkline for '

/** Whose file it is: which service of which fleet; null: not one of ours. */
export function ownerOf(text: string): { key: string; fleet: string } | null {
  const found = /^# Written by Trunkline for (\S+) of fleet (\S+)\./.exec(text)
  return found?.[1] && found[2] ? { key: found[1], fleet: found[2] } : null
}

export type Upstream = { name: string; key: string; fleet: string; backends: readonly BackendSpec[] }

/** An `upstream` block; one without backends answers 502, so that a configuration that names it stays valid. */
export function upstreamFile({ name, key, fleet, backends }: Upstream): string {
  const weights = wholeWeights(backends, maxWeight)
  const servers = backends.map(({ id, host, port }) => {
    const address = `${isIPv6(host) ? `[${host}]` : host}:${port}`
    // Trunkline checks health: nginx's own guesses would take the last one out for ten seconds.
    return `  server ${address} weight=${weights.get(id) ?? 1} max_fails=0; # ${id.replace(/[^\w.-]/g, '-')}`
  })
  return [
    `${headerStart}${key} of fleet ${fleet}. What is changed here is overwritten.`,
    `upstream ${name} {`,
    `  zone ${name} 64k;`,
    ...(servers.length > 0 ? servers : ['  server 127.0.0.1:9 down; # nothing serves yet']),
    '}',
    '',
  ].join('\n')
}
