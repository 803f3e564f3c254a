import { TrunklineError } from '../model/index.ts'

/** One thing that was looked at. */
export type Finding = {
  about: string
  /** `bad` keeps a delivery from working, `note` is worth knowing. */
  verdict: 'good' | 'note' | 'bad'
  message: string
  hint?: string
}

/** What an examination could not get past. */
export function bad(about: string, error: unknown): Finding {
  const message = error instanceof Error ? error.message : String(error)
  const hint = error instanceof TrunklineError ? error.hint : undefined
  return { about, verdict: 'bad', message, ...(hint === undefined ? {} : { hint }) }
}
