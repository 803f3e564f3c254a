/** The HTTPS address of an alias (a function URL), and who may ask there. */
import {
  AddPermissionCommand,
  CreateFunctionUrlConfigCommand,
  DeleteFunctionUrlConfigCommand,
  type FunctionUrlConfig,
  GetFunctionUrlConfigCommand,
  LambdaClient,
  UpdateFunctionUrlConfigCommand,
} from '@aws-sdk/client-lambda'
import type { FunctionUrl } from '../../../model/index.ts'
import type { Place } from '../place.ts'

/** As wanted when it answers; null where none is wanted. `hadOne`: one that is not wanted any more is taken away. */
export async function ensureUrl(
  place: Place,
  at: { name: string; alias: string },
  { wanted, hadOne }: { wanted: FunctionUrl | null; hadOne: boolean },
  signal: AbortSignal,
): Promise<string | null> {
  const { aws } = place
  const client = aws.client(LambdaClient)
  const of = { FunctionName: at.name, Qualifier: at.alias }
  if (wanted === null) {
    if (hadOne)
      await aws.send(client, new DeleteFunctionUrlConfigCommand(of), { signal, writes: true }).catch(unlessMissing)
    return null
  }
  const live = await aws.send(client, new GetFunctionUrlConfigCommand(of), { signal }).catch(unlessMissing)
  const shape = {
    AuthType: wanted.auth === 'iam' ? ('AWS_IAM' as const) : ('NONE' as const),
    InvokeMode: wanted.stream ? ('RESPONSE_STREAM' as const) : ('BUFFERED' as const),
  }
  const isRight = live?.AuthType === shape.AuthType && (live.InvokeMode ?? 'BUFFERED') === shape.InvokeMode
  if (live !== undefined && isRight) return addressOf(live)
  if (wanted.auth === 'none') await letAnyoneAsk(place, of, signal)
  const options = { signal, writes: true }
  const wish = { ...of, ...shape }
  return addressOf(
    live === undefined
      ? await aws.send(client, new CreateFunctionUrlConfigCommand(wish), options)
      : await aws.send(client, new UpdateFunctionUrlConfigCommand(wish), options),
  )

  function unlessMissing(error: unknown): undefined {
    if (!aws.isError(error, 'ResourceNotFoundException')) throw error
  }
}

/** Without the slash at its end. */
const addressOf = ({ FunctionUrl: url }: Pick<FunctionUrlConfig, 'FunctionUrl'>): string | null =>
  url?.replace(/\/$/, '') ?? null

/** Since October 2025 a public address needs both, the second for what comes that way alone. */
async function letAnyoneAsk(
  { aws }: Place,
  of: { FunctionName: string; Qualifier: string },
  signal: AbortSignal,
): Promise<void> {
  const anyone = { ...of, Principal: '*' }
  const permissions = [
    new AddPermissionCommand({
      ...{ ...anyone, StatementId: 'trunkline-url', Action: 'lambda:InvokeFunctionUrl' },
      FunctionUrlAuthType: 'NONE',
    }),
    new AddPermissionCommand({
      ...{ ...anyone, StatementId: 'trunkline-url-invoke', Action: 'lambda:InvokeFunction' },
      InvokedViaFunctionUrl: true,
    }),
  ]
  for (const permission of permissions) {
    try {
      await aws.send(aws.client(LambdaClient), permission, { signal, writes: true })
    } catch (error) {
      if (!aws.isError(error, 'ResourceConflictException')) throw error
    }
  }
}
