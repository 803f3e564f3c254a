import type { Actor, EnvironmentName, NotificationKind, Reason } from '../model/index.ts'

export type Notification = {
  kind: NotificationKind
  project: string
  environment: EnvironmentName
  version: string
  commit: string | null
  release: string | null
  ref: string | null
  author: Actor | null
  actor: Actor
  reasons: Reason[]
  /** The failing step and the end of its output, masked. */
  step: string | null
  logTail: string[]
  plan: string | null
  at: string
  durationMs: number | null
}

/** Tells people. Never throws and never blocks: what could not be told is answered as a sentence. */
export type Notifier = {
  send(notification: Notification): void
  /** Waits (bounded) for what is under way; answers what failed. */
  flush(): Promise<string[]>
}
