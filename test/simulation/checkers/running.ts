/** Invariants 7, 8, 10, 13 and 14: what happens while something runs. */
import type { EnvironmentName } from '../../../src/model/index.ts'
import { secretMark } from '../shop.ts'
import type { Entry, Evidence, Violation } from './evidence.ts'

/** A stale controller that a platform cannot tell may do harm for so long after its last word. */
const staleMs = 120_000

/** 7. Capacity never drops below the rollout's minimum by a controller's hand, and no request is cut off. */
export function capacityNeverDrops({ history }: Evidence): Violation[] {
  const { chronicle, hosts } = history.world
  const found: Violation[] = []
  const stale = new Map<EnvironmentName, number>()
  for (const effect of chronicle.effects) {
    const { environment, atMs, epoch, newestEpoch, kind, service, serving, servingBefore, needed, dropped } = effect
    const fencing = hosts.get(environment)?.fencing
    if (epoch < newestEpoch) {
      // Promised by `strict` alone: `conditional` keeps it from overwriting what it has not seen, `lease-only` nothing.
      if (fencing === 'strict')
        found.push({
          invariant: 7,
          atMs,
          text: `${environment} takes the word of a controller of epoch ${epoch}, and has seen ${newestEpoch}`,
        })
      stale.set(environment, atMs)
    }
    const isDisturbed = fencing !== 'strict' && atMs - (stale.get(environment) ?? Number.NEGATIVE_INFINITY) < staleMs
    if (isDisturbed) continue
    if ((kind === 'drain' || kind === 'stop') && serving < Math.min(needed, servingBefore)) {
      found.push({
        invariant: 7,
        atMs,
        text: `${environment}: ${kind} leaves ${serving} of ${needed} instances of ${service}`,
      })
    }
    if (dropped > 0) found.push({ invariant: 7, atMs, text: `${environment}: ${kind} of ${service} cuts requests off` })
  }
  return found
}

/** 8. Hooks: announced before they run, and run once where running them again would do harm. */
export function hooksRunOnce(evidence: Evidence): Violation[] {
  const { history, ledger, releases } = evidence
  const { chronicle, hosts } = history.world
  const found: Violation[] = []
  const last = new Map<string, { key: string; ended: 'well' | 'badly' | 'unknown'; atMs: number }>()
  const newest = new Map<EnvironmentName, number>()
  for (const job of chronicle.jobs) {
    const { environment, name, atMs, epoch } = job
    const newestEpoch = newest.get(environment) ?? 0
    newest.set(environment, Math.max(newestEpoch, epoch))
    // Suspended while it began, and awake after another took over: only `strict` keeps such a controller out.
    if (epoch < newestEpoch && hosts.get(environment)?.fencing !== 'strict') continue
    const [deployment = '', hookKey = deployment] = job.key.split('/')
    const entries = ledger(environment).filter((entry) => entry.atMs <= atMs)
    const announced = entries.findLast(({ event }) => event.kind === 'hook-started' && event.key === hookKey)
    if (announced === undefined) {
      found.push({
        invariant: 8,
        atMs,
        text: `${environment}: ${name} runs, and the ledger does not know that it was started`,
      })
      continue
    }
    if (announced.event.kind !== 'hook-started' || announced.event.phase === undefined) continue
    const { phase } = announced.event
    const isIdempotent = [...releases.values()].some((release) => {
      const known = release.environments[environment]
      return [...(known?.before ?? []), ...(known?.after ?? []), ...(known?.rollback ?? [])].some(
        (hook) => hook.name === name && hook.idempotent,
      )
    })
    const before = last.get(`${environment} ${name}`)
    const isAgain = before !== undefined && before.key === hookKey && phase !== 'rollback'
    if (isAgain && before.ended === 'well') {
      found.push({
        invariant: 8,
        atMs,
        text: `${environment}: ${name} runs again with the same bytes, though it had ended well`,
      })
    }
    const rerun = evidence.runOf(job.process)?.action.act
    const isWanted = rerun?.kind === 'retry' && rerun.hookDecision === 'rerun'
    if (isAgain && before.ended === 'unknown' && !isIdempotent && !isWanted) {
      found.push({
        invariant: 8,
        atMs,
        text: `${environment}: ${name} runs again, and nobody knows how it ended before`,
      })
    }
    const ended = job.exitCode === 'lost' ? 'unknown' : job.exitCode === 0 ? 'well' : 'badly'
    last.set(`${environment} ${name}`, { key: hookKey, ended, atMs })
  }
  return found
}

/** 10. A rollback goes to a release that was healthy there, runs only rollback hooks, and stays. */
export function rollbackGoesToWhatWasHealthy(evidence: Evidence): Violation[] {
  const found: Violation[] = []
  for (const environment of evidence.environments) {
    const healthy = new Set<string>()
    const failed = new Set<string>()
    const back = new Set<string>()
    let passedOver = new Set<string>()
    let irreversible: string[] = []
    let sinceHealthy = new Map<string, number>()
    for (const { event, atMs, process } of evidence.ledger(environment)) {
      const at = (text: string) => found.push({ invariant: 10, atMs, text: `${environment}: ${text}` })
      switch (event.kind) {
        case 'succeeded':
          healthy.add(event.candidate.release)
          sinceHealthy.set(event.candidate.release, irreversible.length)
          break
        case 'failed':
          if (event.deployment !== null) failed.add(event.deployment)
          break
        case 'started': {
          if (event.trigger === 'rollback') back.add(event.deployment)
          else back.delete(event.deployment)
          failed.delete(event.deployment)
          if (event.trigger === 'route' && passedOver.has(event.candidate.release)) {
            at(`a route brings ${event.candidate.version} back, from which people had rolled back`)
          }
          break
        }
        case 'hook-started':
          if (event.phase === undefined) break
          if ((back.has(event.deployment) || failed.has(event.deployment)) && event.phase !== 'rollback') {
            at(`hook ${event.hook} of phase ${event.phase} runs on the way back`)
          }
          if (event.irreversible) irreversible.push(event.hook)
          break
        case 'rolled-back': {
          if (event.candidate !== null) {
            const { release, version } = event.candidate
            if (!healthy.has(release)) at(`rolled back to ${version}, which never was healthy here`)
            const ran = irreversible.slice(sinceHealthy.get(release) ?? 0)
            const act = evidence.runOf(process)?.action.act
            const isForced = act?.kind === 'rollback' ? act.force : hasForced(evidence, environment, event.deployment)
            if (ran.length > 0 && !isForced) at(`rolled back past ${ran.join(', ')}, which cannot be undone`)
            sinceHealthy.set(release, irreversible.length)
          }
          if (event.trigger === 'rollback' && event.from !== null && event.from !== event.candidate?.release) {
            passedOver.add(event.from)
          }
          break
        }
        case 'resumed':
          passedOver = new Set()
          break
      }
    }
    irreversible = []
    sinceHealthy = new Map()
  }
  return found
}

/** Whoever began the way back had a person's word. */
function hasForced(evidence: Evidence, environment: EnvironmentName, deployment: string): boolean {
  return evidence.ledger(environment).some(({ event, process }: Entry) => {
    const act = evidence.runOf(process)?.action.act
    return event.kind === 'started' && event.deployment === deployment && act?.kind === 'rollback' && act.force
  })
}

/** 13. Secrets are never in the ledger, a record, or what people are told. */
export function secretsAreNowhere({ history }: Evidence): Violation[] {
  const { remote, chronicle } = history.world
  const found: Violation[] = []
  for (const { put, message } of remote.stateCommits.values()) {
    const isIn = message.includes(secretMark) || Object.values(put).some((text) => text.includes(secretMark))
    if (isIn) found.push({ invariant: 13, atMs: 0, text: `a secret stands in the state: ${message.split('\n')[0]}` })
  }
  for (const { atMs, notification } of chronicle.notifications) {
    if (JSON.stringify(notification).includes(secretMark))
      found.push({ invariant: 13, atMs, text: `people are told a secret: ${notification.kind}` })
  }
  for (const { atMs, event } of chronicle.progress) {
    if (event.kind !== 'step-log' && event.kind !== 'step-ended' && event.kind !== 'environment-ended') continue
    if (JSON.stringify(event).includes(secretMark))
      found.push({ invariant: 13, atMs, text: `a secret is shown: ${event.kind}` })
  }
  return found
}

/** 14. Every step, and everything not done, carries its reason. */
export function planExplainsItself({ history, environments, ledger }: Evidence): Violation[] {
  const found: Violation[] = []
  for (const { atMs, event } of history.world.chronicle.progress) {
    const explained =
      event.kind === 'release-planned'
        ? [...event.services, ...event.steps]
        : event.kind === 'deployment-planned'
          ? event.steps
          : event.kind === 'routed'
            ? event.environments
            : event.kind === 'environment-ended' && event.outcome !== 'succeeded'
              ? [event]
              : []
    for (const { reasons } of explained) {
      if (reasons.length === 0) found.push({ invariant: 14, atMs, text: `${event.kind} says no reason` })
    }
  }
  const explains = new Set(['waiting', 'failed', 'errored', 'aborted'])
  for (const environment of environments) {
    for (const { event, atMs } of ledger(environment)) {
      if (explains.has(event.kind) && event.reasons.length === 0) {
        found.push({ invariant: 14, atMs, text: `${environment}: ${event.kind} says no reason` })
      }
    }
  }
  return found
}

/** The ledger only grows. */
export const ledgerOnlyGrows = ({ torn }: Evidence): Violation[] =>
  torn.map(({ ref, atMs }) => ({ invariant: 'ledger', atMs, text: `the history of ${ref} was rewritten` }))
