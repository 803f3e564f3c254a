/** One invocation, awaited. Never repeated by itself: nobody knows what the first one did. */
import { InvokeCommand, LambdaClient, type LambdaClientConfig } from '@aws-sdk/client-lambda'
import type { Json } from '../../../model/index.ts'
import type { Place } from '../place.ts'

/** The longest that a function may take, and a while for the answer. */
const patienceMs = 16 * 60_000

class OneTryLambdaClient extends LambdaClient {
  constructor({ retryStrategy: _, ...configuration }: LambdaClientConfig) {
    const patient = { requestTimeout: patienceMs, socketTimeout: patienceMs }
    super({
      ...configuration,
      maxAttempts: 1,
      requestHandler: { ...(configuration.requestHandler as object), ...patient },
    })
  }
}

export type Invocation = { name: string; qualifier: string; event: Json; timeoutMs: number; signal: AbortSignal }

export type Invoked = {
  /** null: it went well. */
  error: { type: string; message: string } | null
  /** What it answers, as text. */
  answer: string
  /** Its last output, up to 4 KB: Lambda gives no more. */
  logTail: string[]
}

export async function invoke({ aws }: Place, invocation: Invocation): Promise<Invoked> {
  const { name, qualifier, event, timeoutMs, signal } = invocation
  const command = new InvokeCommand({
    FunctionName: `${name}:${qualifier}`,
    InvocationType: 'RequestResponse',
    LogType: 'Tail',
    Payload: Buffer.from(JSON.stringify(event)),
  })
  const { FunctionError, Payload, LogResult } = await aws.send(aws.client(OneTryLambdaClient), command, {
    ...{ signal, timeoutMs, writes: true },
    // These were not run.
    retryWhile: (error) =>
      aws.isError(error, 'TooManyRequestsException') || aws.isError(error, 'ResourceNotReadyException'),
  })
  const answer = Buffer.from(Payload ?? []).toString()
  return {
    error: FunctionError === undefined ? null : errorOf(answer),
    answer,
    logTail: Buffer.from(LogResult ?? '', 'base64')
      .toString()
      .split('\n')
      .filter((line) => line.trim() !== ''),
  }
}

/** As runtimes answer: `{"errorMessage":"…","errorType":"…"}`. */
function errorOf(answer: string): { type: string; message: string } {
  try {
    const { errorType, errorMessage } = JSON.parse(answer) as { errorType?: unknown; errorMessage?: unknown }
    return { type: String(errorType ?? 'Error'), message: String(errorMessage ?? answer) }
  } catch {
    return { type: 'Error', message: answer }
  }
}

/** Lambda ended it. */
export const isTimeout = ({ error }: Invoked): boolean =>
  error !== null && (error.type === 'Sandbox.Timedout' || /Task timed out after/.test(error.message))
