/** Tells people about a deployment, in the words of the ledger. Never waits, never throws. */
import type { Attempt, EnvironmentPolicy, NotificationKind, Reason } from '../model/index.ts'
import type { Notification } from '../ports/index.ts'
import type { Engine } from './engine.ts'

export type Told = {
  reasons?: Reason[]
  step?: string | null
  logTail?: string[]
  plan?: string | null
  durationMs?: number | null
}

export function notify(
  engine: Engine,
  about: { project: { name: string }; policy: Pick<EnvironmentPolicy, 'name'>; candidate: Attempt },
  kind: NotificationKind,
  told: Told = {},
): void {
  const { candidate } = about
  const notification: Notification = {
    kind,
    project: about.project.name,
    environment: about.policy.name,
    version: candidate.version,
    commit: candidate.commit,
    release: candidate.release,
    ref: candidate.ref,
    author: candidate.author,
    actor: engine.world.actor,
    reasons: told.reasons ?? [],
    step: told.step ?? null,
    logTail: told.logTail ?? [],
    plan: told.plan ?? null,
    at: engine.ledger.at(),
    durationMs: told.durationMs ?? null,
  }
  engine.world.notifier.send(notification)
}
