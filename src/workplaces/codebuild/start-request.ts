/** Pure: how an order becomes a build. */
import type { StartBuildCommandInput } from '@aws-sdk/client-codebuild'
import type { CodeBuildWorkplace } from '../../model/index.ts'
import { ticketVariable, writeTicket } from '../ticket.ts'
import type { Assignment } from '../workplace.ts'

/** What CodeBuild takes, in minutes. */
const timeouts = { least: 5, most: 2160 }
const queueing = { least: 5, most: 480 }

const minutes = (ms: number, { least, most }: typeof timeouts): number =>
  Math.min(most, Math.max(least, Math.ceil(ms / 60_000)))

const buildspec = JSON.stringify({ version: 0.2, phases: { build: { commands: ['trunkline work'] } } })

export function startRequest(
  { ticket, timeoutMs }: Assignment,
  place: CodeBuildWorkplace,
  token: string,
): StartBuildCommandInput {
  const variables = [
    { name: ticketVariable, value: writeTicket({ ...ticket, run: { from: 'CODEBUILD_BUILD_ID' } }) },
    { name: 'TRUNKLINE_HOME', value: '/tmp/trunkline' },
  ]
  return {
    projectName: place.project,
    idempotencyToken: token,
    // All that it needs is in the artifact store, and goes there.
    sourceTypeOverride: 'NO_SOURCE',
    artifactsOverride: { type: 'NO_ARTIFACTS' },
    buildspecOverride: buildspec,
    environmentVariablesOverride: variables.map((variable) => ({ ...variable, type: 'PLAINTEXT' })),
    timeoutInMinutesOverride: minutes(timeoutMs, timeouts),
    queuedTimeoutInMinutesOverride: minutes(place.startTimeoutMs, queueing),
    ...(place.image === null ? {} : { imageOverride: place.image }),
  }
}
