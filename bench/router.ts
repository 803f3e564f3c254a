/**
 * What the router costs beside its peers: the same small requests over kept connections through each of them, to the
 * same upstream, from the same load generator (`wrk`), in turns. Each proxy has one core to itself (`taskset`, where
 * there are two), upstream and load generator have another; then each may use all cores.
 *
 *     node bench/router.ts [rounds] [seconds] [connections] [names]
 *
 * `names`: words that the names of peers contain, with commas between them; all peers without it.
 *
 * With `OWN_TIME=1` the router tells what requests took of its own thread's time, which costs it a little.
 *
 * Peers that are not installed are named and left out. kamal-proxy is built by `go install`, Go's reverse proxy by
 * `go build`, into a cache outside the work tree.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findProgram } from '../test/parts/local-server.ts'
import { type Peer, type Place, peers, startUpstream } from './router/peers.ts'
import type { ThreadWitness } from './router/thread-witness.ts'
import { measure, type Rate } from './router/wrk.ts'

const [rounds = 5, seconds = 3, connections = 64] = process.argv.slice(2, 5).map(Number)
const names = process.argv[5]?.split(',')
const wanted = peers.filter(
  ({ name }, at) => at === 0 || names === undefined || names.some((part) => name.includes(part)),
)

/** Compilers that learn while they run have their lesson first, also of connections that come and go. */
const warmUps = [1, 1, 1]

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
  for (const peer of wanted) {
    const port = await started(peer, place)
    if (port !== null) running.push({ ...port, rates: [] as Rate[], name: peer.name })
  }
  try {
    const load = { wrk: wrk ?? 'wrk', seconds, connections, place }
    for (const { port } of running) for (const seconds of warmUps) await measure({ ...load, seconds, port })
    for (let round = 0; round < rounds; round++) {
      for (const proxy of running) proxy.rates.push(await measure({ ...load, port: proxy.port, pid: proxy.pid }))
    }
    const straight = await measure({ ...load, port: upstream.port })
    report('(straight to the upstream)', [straight], [])
    const ours = running.find(({ name }) => name === peers[0]?.name)?.rates ?? []
    for (const { name, rates } of running) report(name, rates, name === peers[0]?.name ? [] : ours)
  } finally {
    for (const { stop } of running) await stop()
    for (const { report } of running) if (report !== undefined) tell(report)
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

/** `ours`: rates of the same rounds, to compare with; none for ours itself. */
function report(name: string, rates: readonly Rate[], ours: readonly Rate[]): void {
  const of = (pick: (rate: Rate) => number | null) => rates.flatMap((rate) => pick(rate) ?? [])
  const cells = [
    name.padEnd(28),
    `${Math.round(middle(of((rate) => rate.perSecond)))} req/s`.padStart(13),
    `best ${Math.round(Math.max(...of((rate) => rate.perSecond)))}`.padStart(12),
    `p50 ${middle(of((rate) => rate.p50Ms)).toFixed(2)} ms`.padStart(13),
    `p99 ${middle(of((rate) => rate.p99Ms)).toFixed(2)} ms`.padStart(14),
    `best ${Math.min(...of((rate) => rate.p99Ms)).toFixed(2)}`.padStart(12),
    `${of((rate) => rate.failed).reduce((sum, failed) => sum + failed, 0)} failed`.padStart(10),
  ]
  const perCpu = of((rate) => rate.perCpuSecond)
  if (perCpu.length > 0) cells.push(`${Math.round(middle(perCpu))} per CPU second`.padStart(22))
  const kept = of((rate) => rate.keptMs)
  if (kept.length > 0) cells.push(`kept from a core ${Math.round(middle(kept))} ms/s`.padStart(27))
  console.log(cells.join('  '))
  if (ours.length === 0) return
  const ratios = (pick: (rate: Rate) => number) =>
    rates.flatMap((rate, round) => {
      const our = ours[round]
      return our === undefined ? [] : pick(our) / pick(rate)
    })
  for (const [what, pick] of [
    ['req/s', (rate: Rate) => rate.perSecond],
    ['p99', (rate: Rate) => rate.p99Ms],
  ] as const) {
    const all = ratios(pick)
    const each = all.map((ratio) => ratio.toFixed(2)).join(' ')
    console.log(`    ours / it, ${what.padEnd(5)}  median ${middle(all).toFixed(2)}  by round ${each}`)
  }
}

/** What the router saw of itself, over all its rounds. */
function tell(path: string): void {
  const { minor, major, loopLateP50Ms, loopLateP99Ms, ownTime }: ThreadWitness = JSON.parse(readFileSync(path, 'utf8'))
  const pauses = ({ count, totalMs, maxMs }: ThreadWitness['minor']) =>
    `${count} of ${(totalMs / Math.max(1, count)).toFixed(2)} ms, longest ${maxMs.toFixed(1)} ms`
  console.log(`    ours, its thread: collections of the young ${pauses(minor)}; of all ${pauses(major)}`)
  console.log(
    `    ours, its loop while busy: late by ${loopLateP50Ms.toFixed(1)} ms p50, ${loopLateP99Ms.toFixed(1)} ms p99`,
  )
  if (ownTime === null) return
  const { requests, p50Ms, p99Ms } = ownTime
  console.log(
    `    ours, in its thread's own time: ${requests} requests, p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms`,
  )
}
