/** An error on its way from one of our processes to another: described where it happened, thrown again where it was asked for. */
import { z } from 'zod'
import { TrunklineError } from '../../../model/index.ts'

export const errorMessageSchema = z.object({
  kind: z.enum(['usage', 'failed', 'refused', 'errored', 'cancelled']),
  code: z.string(),
  message: z.string(),
  hint: z.string().optional(),
})
export type ErrorMessage = z.infer<typeof errorMessageSchema>

/** Anything that is no error for users is a fault of the process that describes it: errored `faultCode`. */
export function describeError(error: unknown, faultCode: string): ErrorMessage {
  if (!(error instanceof TrunklineError)) {
    return { kind: 'errored', code: faultCode, message: error instanceof Error ? error.message : String(error) }
  }
  const { kind, code, message, hint } = error
  return { kind, code, message, ...(hint === undefined ? {} : { hint }) }
}

export const errorFrom = ({ kind, code, message, hint }: ErrorMessage): TrunklineError =>
  new TrunklineError(kind, code, message, hint === undefined ? {} : { hint })
