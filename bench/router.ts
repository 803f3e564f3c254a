/**
 * What the router costs beside its peers: the same small requests over kept connections through each of them, to the
 * same upstream, from the same load generator (`wrk`), in turns. Each proxy has one core to itself (`taskset`, where
 * there are two), upstream and load generator have another; then each may use all cores.
 *
 *     node bench/router.ts [rounds] [seconds] [connections]
 *
 * Peers that are not installed are named and left out. kamal-proxy is built by `go install`, Go's reverse proxy by
 * `go build`, into a cache outside the work tree.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findProgram } from '../test/parts/local-server.ts'
import { type Peer, type Place, peers, startUpstream } from './router/peers.ts'
import { measure, type Rate } from './router/wrk.ts'

const [rounds = 5, seconds = 3, connections = 64] = process.argv.slice(2).map(Number)

const warmUpSeconds = 5

const wrk = findProgram('wrk', process.env)
if (wrk === null) {
  console.log('skipped: wrk is not installed (apt-get install wrk)')
  process.exit(0)
}
const folder = mkdtempSync(join(tmpdir(), 'router-bench-'))
const upstream = await startUpstream(folder)
try {
  for (const place of ['one core', 'all cores'] as const) await compare(place)
} finally {
  await upstream.stop()
  rmSync(folder, { recursive: true, force: true })
}

async function compare(place: Place): Promise<void> {
  const running = []
  console.log(`\n${place}: ${rounds} rounds of ${seconds} s, ${connections} connections, upstream ${upstream.name}`)
  for (const peer of peers) {
    const port = await started(peer, place)
    if (port !== null) running.push({ ...port, rates: [] as Rate[], name: peer.name })
  }
  try {
    const load = { wrk: wrk ?? 'wrk', seconds, connections, place }
    // Compilers that learn while they run have had their lesson.
    for (const { port } of running) await measure({ ...load, seconds: warmUpSeconds, port })
    for (let round = 0; round < rounds; round++) {
      for (const proxy of running) proxy.rates.push(await measure({ ...load, port: proxy.port, pid: proxy.pid }))
    }
    const straight = await measure({ ...load, port: upstream.port })
    report('(straight to the upstream)', [straight], null)
    const ours = median(running.find(({ name }) => name === peers[0]?.name)?.rates ?? [])
    for (const { name, rates } of running) report(name, rates, ours)
  } finally {
    for (const { stop } of running) await stop()
  }
}

async function started(peer: Peer, place: Place) {
  try {
    const proxy = await peer.start({ folder, upstream: upstream.port, place })
    if (typeof proxy !== 'string') return proxy
    console.log(`${peer.name}: skipped, ${proxy}`)
  } catch (cause) {
    console.log(`${peer.name}: skipped, it did not start: ${cause instanceof Error ? cause.message : cause}`)
  }
  return null
}

function middle(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN
}

function median(rates: readonly Rate[]): number {
  return middle(rates.map(({ perSecond }) => perSecond))
}

function report(name: string, rates: readonly Rate[], ours: number | null): void {
  const perSecond = median(rates)
  const cells = [
    name.padEnd(28),
    `${Math.round(perSecond)} req/s`.padStart(13),
    `best ${Math.round(Math.max(...rates.map((rate) => rate.perSecond)))}`.padStart(12),
    `p50 ${middle(rates.map(({ p50Ms }) => p50Ms)).toFixed(2)} ms`.padStart(13),
    `p99 ${middle(rates.map(({ p99Ms }) => p99Ms)).toFixed(2)} ms`.padStart(14),
    `${rates.reduce((sum, { failed }) => sum + failed, 0)} failed`.padStart(10),
  ]
  const perCpu = rates.flatMap((rate) => rate.perCpuSecond ?? [])
  if (perCpu.length > 0) cells.push(`${Math.round(middle(perCpu))} per CPU second`.padStart(22))
  if (ours !== null) cells.push(`ours / it ${(ours / perSecond).toFixed(2)}`.padStart(16))
  console.log(cells.join('  '))
}
