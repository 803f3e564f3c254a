/** The gates that need no plan: what stands upstream, holds, windows. */
import type { Snapshot } from '../../ledger/index.ts'
import {
  type EnvironmentPolicy,
  type EnvironmentState,
  type Release,
  type ScanReport,
  type Trigger,
  TrunklineError,
  type Yank,
} from '../../model/index.ts'
import type { GateDecision, ScannedService, Upstream } from '../../planning/index.ts'
import { holdGate, scanGate, upstreamGate, viewOf, windowGate } from '../../planning/index.ts'
import type { Engine } from '../engine.ts'

export type EarlyGateFacts = {
  policy: EnvironmentPolicy
  state: EnvironmentState
  release: Release
  trigger: Trigger
  yanks: readonly Yank[]
  snapshot: Snapshot
  /** Whether its artifacts exist: a plan may be of what is still to be built. */
  isBuilt: boolean
  signal: AbortSignal
}

/** Views that the state remembers; older ones stand in the history alone. */
const maxRemembered = 100
/** How far back in history a verification is looked for. */
const maxEvents = 10_000

/** The first that does not let it pass, or a pass. */
export async function earlyGates(engine: Engine, facts: EarlyGateFacts): Promise<GateDecision> {
  const { policy, state, release, trigger, yanks } = facts
  const upstreams = await Promise.all(policy.after.map((name) => lookUpstream(engine, facts, name)))
  const gates = [
    upstreamGate(release, upstreams, yanks),
    holdGate(state, release, trigger),
    windowGate(policy, engine.world.clock.now()),
  ]
  // Asked last, for it asks the store; what is refused or waits anyway need not be asked for.
  if (policy.scan !== undefined && facts.isBuilt && gates.every((gate) => gate.action === 'deploy')) {
    gates.push(scanGate(policy, await lookScans(engine, facts), engine.world.clock.now()))
  }
  return gates.find((gate) => gate.action !== 'deploy') ?? { action: 'deploy', reasons: [], untilMs: null }
}

async function lookScans(engine: Engine, { release, signal }: EarlyGateFacts): Promise<ScannedService[]> {
  const scanned = Object.entries(release.services).map(async ([service, { artifact }]): Promise<ScannedService> => {
    const store = engine.world.artifacts.forService(service)
    const report = await store.scanOf?.(artifact, signal).catch((error: unknown): ScanReport => {
      if (!(error instanceof TrunklineError) || error.code !== 'ARTIFACT_MISSING') throw error
      return { kind: 'unavailable', why: error.message }
    })
    return { service, artifact, report: report ?? { kind: 'unavailable', why: `${store.location} scans nothing` } }
  })
  return await Promise.all(scanned)
}

async function lookUpstream(engine: Engine, { release, snapshot }: EarlyGateFacts, name: string): Promise<Upstream> {
  const { state } = await engine.ledger.environment(snapshot, name)
  const view = viewOf(release, name)
  const isKnown = state.verified.some((known) => known.view === view)
  const mayBeOlder = !isKnown && state.verified.length >= maxRemembered
  const verifiedEarlier = mayBeOlder && (await engine.ledger.wasVerified(snapshot, name, view, maxEvents))
  return { name, state, verifiedEarlier }
}
