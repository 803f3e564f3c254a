/** A call that ends: within its time, when its asker gives up, or with an error in our words. */
import { type AwsAccess, cancelledError, erroredError, TrunklineError } from '../model/index.ts'
import { callSignal } from './retry-strategy.ts'

/** What is called, for errors. */
export type Call = { service: string; operation: string }

export type Bounds = { signal: AbortSignal; timeoutMs: number }

export async function boundedCall<Output>(
  call: Call,
  { signal, timeoutMs }: Bounds,
  access: AwsAccess,
  run: (signal: AbortSignal) => Promise<Output>,
): Promise<Output> {
  throwIfAborted(signal)
  const timeout = AbortSignal.timeout(timeoutMs)
  const both = AbortSignal.any([signal, timeout])
  const work = callSignal.run(both, () => run(both))
  try {
    return await orAborted(work, both)
  } catch (error) {
    throwIfAborted(signal)
    const isOwn = error instanceof TrunklineError && error.code !== 'CANCELLED'
    if (timeout.aborted && !isOwn) throw timedOut(call, access.region, timeoutMs, error)
    throw await explain(error, call, access)
  }
}

/** Our own errors stay as they are. */
export async function explain(error: unknown, call: Call, { region, role }: AwsAccess): Promise<TrunklineError> {
  if (error instanceof TrunklineError) return error
  const { explainAwsError } = await import('./aws-error.ts')
  return explainAwsError(error, { ...call, region, role })
}

const timedOut = ({ service, operation }: Call, region: string, timeoutMs: number, cause: unknown) =>
  erroredError(
    'AWS_TIMED_OUT',
    `AWS ${service} ${operation} (${region}) was not answered within ${Math.round(timeoutMs / 1000)} s`,
    { hint: 'try again; if it stays so, is there a way to AWS from here?', cause },
  )

export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw signal.reason instanceof TrunklineError ? signal.reason : cancelledError()
}

/** What others wait for too is not stopped by one of them. */
export async function orAborted<Output>(work: Promise<Output>, signal: AbortSignal): Promise<Output> {
  let stop = () => {}
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(cancelledError())
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
