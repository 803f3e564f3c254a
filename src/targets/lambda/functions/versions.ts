/** Published versions: one for each generation, found again by what is in it, and given up when nobody goes back there. */
import {
  DeleteFunctionCommand,
  type FunctionConfiguration,
  LambdaClient,
  PublishVersionCommand,
  paginateListAliases,
  paginateListVersionsByFunction,
} from '@aws-sdk/client-lambda'
import type { DesiredService } from '../../../model/index.ts'
import type { Place } from '../place.ts'
import { differencesOf, type WantedFunction } from './configuration.ts'
import { type Made, type Step, waitSettled } from './function.ts'

const latest = '$LATEST'

/** For people who look at the function in AWS. */
export const descriptionOf = ({ generation, fingerprint }: Pick<DesiredService, 'generation' | 'fingerprint'>) =>
  `trunkline ${generation} ${fingerprint ?? 'no-variables'}`

export type Versions = {
  latest: FunctionConfiguration | null
  /** Oldest first. */
  published: FunctionConfiguration[]
}

/** The newest that is what is wanted, whatever brought it: going back to it, or on with it, uploads nothing. */
export const findVersion = ({ published }: Versions, wanted: WantedFunction): FunctionConfiguration | null =>
  published.findLast((version) => version.State !== 'Failed' && differencesOf(version, wanted).length === 0) ?? null

/** None where there is no such function. */
export async function readVersions({ aws }: Place, name: string, signal: AbortSignal): Promise<Versions> {
  const found: FunctionConfiguration[] = []
  const client = aws.client(LambdaClient)
  try {
    const pages = aws.pages(paginateListVersionsByFunction, client, { FunctionName: name }, { signal })
    for await (const { Versions = [] } of pages) found.push(...Versions)
  } catch (error) {
    if (!aws.isError(error, 'ResourceNotFoundException')) throw error
  }
  return {
    latest: found.find(({ Version }) => Version === latest) ?? null,
    published: found
      .filter(({ Version }) => Version !== latest)
      .sort((left, right) => Number(left.Version) - Number(right.Version)),
  }
}

/**
 * A version of `$LATEST` as it was seen; AWS answers with the one there is where nothing changed since. Somebody who has
 * changed it in between makes AWS refuse.
 */
export async function publishVersion(
  place: Place,
  seen: FunctionConfiguration,
  desired: Pick<DesiredService, 'generation' | 'fingerprint'>,
  step: Step,
): Promise<Made> {
  const { aws } = place
  const name = seen.FunctionName ?? ''
  const command = new PublishVersionCommand({
    FunctionName: name,
    CodeSha256: seen.CodeSha256,
    RevisionId: seen.RevisionId,
    Description: descriptionOf(desired),
  })
  const options = {
    signal: step.signal,
    writes: true,
    retryWhile: (error: unknown) => aws.isError(error, 'ResourceConflictException'),
  }
  const made = await aws.send(aws.client(LambdaClient), command, options)
  return await waitSettled(place, name, step, made, made.Version)
}

/** Those beyond the ones that are kept: never one that an alias leads to. `published`: oldest first. */
export async function forgetVersions(
  place: Place,
  name: string,
  published: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { aws, config } = place
  const client = aws.client(LambdaClient)
  if (published.length <= config.keepVersions) return
  const used = new Set<string>()
  for await (const { Aliases = [] } of aws.pages(paginateListAliases, client, { FunctionName: name }, { signal })) {
    for (const { FunctionVersion, RoutingConfig } of Aliases) {
      for (const version of [FunctionVersion, ...Object.keys(RoutingConfig?.AdditionalVersionWeights ?? {})]) {
        if (version !== undefined) used.add(version)
      }
    }
  }
  const unused = published.filter((version) => !used.has(version))
  for (const version of unused.slice(0, -config.keepVersions)) {
    const command = new DeleteFunctionCommand({ FunctionName: name, Qualifier: version })
    await aws.send(client, command, { signal, writes: true })
  }
}
