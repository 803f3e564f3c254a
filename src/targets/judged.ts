/** Faults that are the description's own, as verdicts. */
import { reasonOfError, TrunklineError, type Verdict } from '../model/index.ts'

/** What is wrong with what a service is described by is a verdict on it; other faults stay what they are. */
export async function judged(work: () => Promise<Verdict>): Promise<Verdict> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof TrunklineError) || (error.kind !== 'failed' && error.kind !== 'usage')) throw error
    return { ok: false, reasons: [reasonOfError(error)] }
  }
}
