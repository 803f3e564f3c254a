import type { Clock } from '../ports/index.ts'
import type { CredentialSource } from './ambient-credentials.ts'

/** So long before their end, credentials are asked for anew: a call under way must not meet the end. */
const renewBeforeMs = 5 * 60_000

/** Asks `source` once for all who need credentials, and again before they end; not again for what failed. */
export function keptCredentials(source: CredentialSource, clock: Clock): CredentialSource {
  let kept: ReturnType<CredentialSource> | null = null
  const ask = (): ReturnType<CredentialSource> => {
    const asked = source()
    asked.catch(() => {
      if (kept === asked) kept = null
    })
    return asked
  }
  return async () => {
    kept ??= ask()
    const asked = kept
    const credentials = await asked
    const ends = credentials.expiration?.getTime() ?? Number.POSITIVE_INFINITY
    if (ends - clock.now() > renewBeforeMs) return credentials
    // Of several who see the end come, the first asks.
    if (kept === asked) kept = ask()
    return await (kept ?? ask())
  }
}
