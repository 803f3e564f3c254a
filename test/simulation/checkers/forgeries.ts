/** Where trunk lists whose signatures count, what others push counts for nothing. */
import type { EnvironmentState, LedgerEvent } from '../../../src/model/index.ts'
import { forgedArtifact, forgedReason } from '../forger.ts'
import type { Evidence, Violation } from './evidence.ts'

export function forgeriesNeverCount({ history, environments, ledger }: Evidence): Violation[] {
  const { remote, chronicle, story } = history.world
  if (!story.signed) return []
  const found: Violation[] = []
  for (const { atMs, environment, service, artifact } of chronicle.effects) {
    if (artifact === forgedArtifact)
      found.push({ invariant: 'trust', atMs, text: `${environment}: bytes of a forged record run as ${service}` })
  }
  for (const { atMs, ref, to } of chronicle.refs) {
    const commit = to === null ? undefined : remote.stateCommits.get(to)
    if (commit === undefined || commit.isForged) continue
    const texts = Object.values(commit.put)
    if (texts.some((text) => text.includes(forgedArtifact)))
      found.push({ invariant: 'trust', atMs, text: `${ref}: a forged record is carried on` })
    const held = commit.put['state.json']
    if (held !== undefined && isHeldByForger(JSON.parse(held)))
      found.push({ invariant: 'trust', atMs, text: `${ref}: a forged hold is carried on` })
  }
  for (const environment of environments) {
    const given = new Set(ledger(environment).flatMap(({ event }) => (event.kind === 'approved' ? [keyOf(event)] : [])))
    for (const { atMs, commit } of ledger(environment)) {
      const state: EnvironmentState = JSON.parse(remote.stateCommits.get(commit)?.put['state.json'] ?? '{}')
      if (state.approvals?.some((approval) => !given.has(keyOf(approval))))
        found.push({ invariant: 'trust', atMs, text: `${environment}: a forged approval is carried on` })
    }
  }
  return found
}

const isHeldByForger = ({ held }: EnvironmentState): boolean =>
  held?.reasons.some(({ message }) => message === forgedReason) ?? false

const keyOf = ({ actor, plan, at }: Pick<LedgerEvent, 'actor' | 'at'> & { plan: string }): string =>
  `${actor.email} ${plan} ${at}`
