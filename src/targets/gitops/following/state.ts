/** What whoever brings the branch to a cluster says of it. */
import type { Reason } from '../../../model/index.ts'

/** How far a commit has come. */
export type Following =
  | { kind: 'waiting'; what: string /** Whether the commit itself has arrived. */; hasArrived: boolean }
  | { kind: 'done' }
  /** A verdict once it has stood for so long: some pass by themselves. */
  | {
      kind: 'failing'
      reasons: Reason[]
      logTail: string[]
      afterMs: number
      /** Nothing says that the commit itself has been looked at. */
      hasArrived?: false
    }

/** As it is now, whichever commit it is at. */
export type FollowedState = {
  health: 'healthy' | 'unhealthy' | 'unknown'
  /** For people: `Synced, Healthy at 1a2b3c`. */
  says: string
}

export type ObjectStatus = { metadata?: ObjectMetadata; spec?: Fields; status?: Fields }
type ObjectMetadata = { name?: string; namespace?: string; generation?: number }
export type Fields = { readonly [name: string]: unknown }

/** What an API serves is read part by part: any may be missing. */
export const fields = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {}
export const list = (value: unknown): Fields[] => (Array.isArray(value) ? value.map(fields) : [])
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** Of what is wrong, the beginning says where and the end says why: between them stand whole objects. */
const keptEachSide = 300

export function message(value: unknown): string {
  const text = textOf(value)
    .replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
    .trim()
  if (text.length <= 2 * keptEachSide) return text
  return `${text.slice(0, keptEachSide)} … ${text.slice(-keptEachSide)}`
}
