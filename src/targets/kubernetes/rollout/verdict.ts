/** Whose fault it is that something did not get to run: the release's, or the place's that would not have it. */
import type { Reason, Verdict } from '../../../model/index.ts'
import type { Waited } from './await-health.ts'

/** What a cluster's owners have decided: another release would fare the same, and this one may be well elsewhere. */
const ofThePlace = new Set([
  'managed-by-another',
  'quota-exceeded',
  'admission-denied',
  'namespace-missing',
  'cannot-be-divided',
])
/** Said beside what is the matter. */
const ofNobody = new Set([
  ...['not-healthy', 'timed-out', 'warning', 'not-ready', 'pods-not-made'],
  ...['old-serves', 'taken-away', 'way-back-failed'],
])

const isRefusal = (reasons: readonly Reason[]): boolean =>
  reasons.some(({ code }) => ofThePlace.has(code)) &&
  reasons.every(({ code }) => ofThePlace.has(code) || ofNobody.has(code))

export const asVerdict = ({ reasons, logTail }: Omit<Waited & { ok: false }, 'ok'>): Verdict & { ok: false } => ({
  ok: false,
  reasons,
  ...(isRefusal(reasons) ? { refused: true } : {}),
  ...(logTail.length > 0 ? { logTail } : {}),
})
