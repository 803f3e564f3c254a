/** The alias that callers name: which version it leads to, and what share of requests another one gets. */
import {
  type AliasConfiguration,
  CreateAliasCommand,
  GetAliasCommand,
  LambdaClient,
  UpdateAliasCommand,
} from '@aws-sdk/client-lambda'
import type { Place } from '../place.ts'

export type Alias = {
  name: string
  /** Takes all requests, but for the share of another one. */
  version: string
  share: { version: string; weight: number } | null
  /** Changes with everything that anyone does to it. */
  revision: string
  arn: string
}

type Towards = { version: string; share?: { version: string /** Percent, below 100. */; weight: number } }

/** null: there is none, or no such function. */
export async function readAlias(
  { aws }: Place,
  functionName: string,
  name: string,
  signal: AbortSignal,
): Promise<Alias | null> {
  const command = new GetAliasCommand({ FunctionName: functionName, Name: name })
  try {
    return aliasOf(await aws.send(aws.client(LambdaClient), command, { signal }))
  } catch (error) {
    if (aws.isError(error, 'ResourceNotFoundException')) return null
    throw error
  }
}

/** Refused by AWS where somebody has changed it since it was seen; `seen` null: it is made. */
export async function pointAlias(
  { aws }: Place,
  functionName: string,
  name: string,
  seen: Alias | null,
  { version, share }: Towards,
  signal: AbortSignal,
): Promise<Alias> {
  const weights = share === undefined ? {} : { [share.version]: share.weight / 100 }
  const towards = {
    ...{ FunctionName: functionName, Name: name, FunctionVersion: version },
    RoutingConfig: { AdditionalVersionWeights: weights },
  }
  const client = aws.client(LambdaClient)
  const options = { signal, writes: true }
  if (seen === null) return aliasOf(await aws.send(client, new CreateAliasCommand(towards), options))
  return aliasOf(await aws.send(client, new UpdateAliasCommand({ ...towards, RevisionId: seen.revision }), options))
}

function aliasOf({ Name, FunctionVersion, RoutingConfig, RevisionId, AliasArn }: AliasConfiguration): Alias {
  const [share] = Object.entries(RoutingConfig?.AdditionalVersionWeights ?? {})
  return {
    name: Name ?? '',
    version: FunctionVersion ?? '',
    share: share === undefined ? null : { version: share[0], weight: Math.round(share[1] * 10_000) / 100 },
    revision: RevisionId ?? '',
    arn: AliasArn ?? '',
  }
}

/** All requests go to that version. */
export const leadsTo = (alias: Alias | null, version: string): alias is Alias =>
  alias !== null && alias.version === version && alias.share === null
