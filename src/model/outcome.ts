import type { Reason } from './reason.ts'

/**
 * How a deployment, or a whole delivery, ended.
 * `failed` is a verdict, `errored` is the world's fault, `refused` is policy; `waiting` and `superseded` are no failures.
 */
export type OutcomeKind = 'succeeded' | 'nothing' | 'waiting' | 'superseded' | 'failed' | 'refused' | 'errored'

/** A verdict of one step. Faults of the world are exceptions (see `TrunklineError` with kind `errored`). */
export type Verdict =
  | { ok: true }
  | {
      ok: false
      reasons: Reason[]
      /** Last lines of its output, masked. */
      logTail?: string[]
      /** Policy where it should run said no: that is no verdict on the release. */
      refused?: true
    }

export const passed: Verdict = { ok: true }

/** From best to worst: the outcome of many is the worst of each. */
const severity: readonly OutcomeKind[] = [
  'nothing',
  'superseded',
  'succeeded',
  'waiting',
  'refused',
  'errored',
  'failed',
]

export const worstOutcome = (kinds: Iterable<OutcomeKind>): OutcomeKind => {
  let worst = 0
  for (const kind of kinds) worst = Math.max(worst, severity.indexOf(kind))
  return severity[worst] ?? 'nothing'
}

/** Design section 8: 0 done, 1 failed, 2 usage, 3 refused, 4 errored. */
export const exitCodeOf = (kind: OutcomeKind): number =>
  kind === 'failed' ? 1 : kind === 'refused' ? 3 : kind === 'errored' ? 4 : 0
