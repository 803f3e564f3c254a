import type { Verdict } from '../model/index.ts'

export type HttpProbe = {
  /** GETs until it answers as expected or time is up. */
  probe(
    request: { url: string; status: number; contains: string | null; timeoutMs: number },
    signal: AbortSignal,
  ): Promise<Verdict>
}
