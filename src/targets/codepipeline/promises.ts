/** What a pipeline must be like so that it carries exactly a release, and what it cannot promise. */
import { type DesiredService, type Reason, reason, type ServiceName } from '../../model/index.ts'
import { markerVariable } from './marker.ts'
import { type Parts, sayPipeline } from './parts.ts'
import { type Pipeline, type Source, sourcesOf } from './pipeline.ts'

/** `env` is null where it is not known. */
type Asked = { service: ServiceName; env: DesiredService['env'] | null }

/** Why it cannot be given the release. */
export const objectionsOf = (parts: Parts, pipeline: Pipeline, asked: Asked): Reason[] => [
  ...typeObjections(pipeline),
  ...sourceObjections(parts, pipeline),
  ...secretObjections(asked),
  ...variableObjections(parts, pipeline, asked),
  ...approvalObjections(parts, pipeline),
]

function typeObjections({ name, isV2 }: Pipeline): Reason[] {
  if (isV2) return []
  const message = `${sayPipeline(name)} is of type V1, which can be told no revisions: it would bring what is newest, and not the release`
  return [reason('pipeline-type', message, { hint: 'make it `pipelineType: V2`: its stages stay as they are' })]
}

function sourceObjections(parts: Parts, pipeline: Pipeline): Reason[] {
  const { given } = sourcesOf(parts, pipeline)
  const known = pipeline.sources.map(({ action }) => action)
  const unknown = (parts.config.sources ?? []).filter((action) => !known.includes(action))
  return [
    ...unknown.map((action) =>
      reason('no-such-source', `${sayPipeline(pipeline.name)} has no source action ${action}`, {
        hint: known.length === 0 ? 'it has none at all' : `its source actions are ${known.join(', ')}`,
      }),
    ),
    ...(given.length > 0 || unknown.length > 0 || isToldTheArtifact(parts) ? [] : [nothingGiven(pipeline)]),
    ...given.flatMap(sourceObjection),
  ]
}

const nothingGiven = ({ name }: Pipeline): Reason =>
  reason('nothing-given', `${sayPipeline(name)} is told nothing of the release: neither a source nor a variable`, {
    hint: 'name a source action in `sources`, or hand on what it deploys: `variables: { IMAGE: "{image}" }`',
  })

const isToldTheArtifact = ({ config }: Parts): boolean =>
  Object.values(config.variables).some((value) => /\{(?:image|artifact)\}/.test(value))

function sourceObjection({ action, kind, provider, configuration }: Source): Reason[] {
  if (kind === 'other') {
    const message = `the source action ${action} (${provider}) can be told no revision`
    const hint = 'S3, ECR, CodeCommit and connections (CodeStarSourceConnection) can; or name others in `sources`'
    return [reason('source-takes-none', message, { hint })]
  }
  if (kind !== 's3' || configuration['AllowOverrideForS3ObjectKey'] === 'true') return []
  const message = `the source action ${action} always reads ${configuration['S3ObjectKey'] ?? 'the same key'}, and a release has a key of its own`
  return [
    reason('source-takes-none', message, { hint: 'set `AllowOverrideForS3ObjectKey: true` in its configuration' }),
  ]
}

function secretObjections({ service, env }: Asked): Reason[] {
  const secret = Object.entries(env ?? {}).flatMap(([name, variable]) =>
    'secret' in variable && variable.secret ? [name] : [],
  )
  if (secret.length === 0) return []
  const message = `${secret.join(', ')} of ${service} would stand in a variable of the pipeline, where all who may look at it read it`
  const hint = `leave it out, and let the action read it where it is (CodeBuild: \`env: { secrets-manager: { ${secret[0]}: … } }\`)`
  return [reason('secret-in-the-open', message, { hint })]
}

function variableObjections({ config }: Parts, { name, variables }: Pipeline, { service, env }: Asked): Reason[] {
  const given = [markerVariable, ...Object.keys(config.variables), ...Object.keys(env ?? {})]
  const declared = new Set(variables.map((variable) => variable.name))
  const missing = [...new Set(given)].filter((variable) => !declared.has(variable))
  const open = variables.filter((known) => env !== null && !known.hasDefault && !given.includes(known.name))
  const why = missing.includes(markerVariable) ? ` (${markerVariable} says whose an execution is)` : ''
  return [
    ...(missing.length === 0
      ? []
      : [
          reason('variable-not-declared', `${sayPipeline(name)} declares no variable ${missing.join(', ')}${why}`, {
            hint: `add to it: variables: [${missing.map((variable) => `{ name: ${variable}, defaultValue: "-" }`).join(', ')}]`,
          }),
        ]),
    ...open.map((variable) =>
      reason(
        'variable-not-given',
        `${sayPipeline(name)} wants the variable ${variable.name}, and ${service} gives none`,
        {
          hint: 'give it in `variables` of the target or in `env` of the service; or declare a default',
        },
      ),
    ),
  ]
}

function approvalObjections({ config }: Parts, { name, approvals }: Pipeline): Reason[] {
  const isThere = (wanted: string) => approvals.some((known) => known === wanted || known.endsWith(`/${wanted}`))
  return config.approvals
    .filter((wanted) => !isThere(wanted))
    .map((wanted) =>
      reason('no-such-approval', `${sayPipeline(name)} has no manual approval ${wanted}`, {
        hint: approvals.length === 0 ? 'it has none at all' : `it has ${approvals.join(', ')}`,
      }),
    )
}

/** What is as it is, and should be known: a sentence for each, and what to do. */
export function weaknessesOf(parts: Parts, pipeline: Pipeline): Array<{ message: string; hint: string }> {
  const { given, left } = sourcesOf(parts, pipeline)
  // It is told the artifact as well: that is what it deploys.
  const isTold = isToldTheArtifact(parts)
  return [
    ...pipeline.sources
      .filter(({ isWatching }) => isWatching)
      .map(({ action, provider }) => ({
        message: `${sayPipeline(pipeline.name)} is started by changes at its source ${action} as well, past Trunkline and its gates`,
        hint: `set \`${provider === 'CodeStarSourceConnection' ? 'DetectChanges' : 'PollForSourceChanges'}: false\` in its configuration, and take away triggers and rules of EventBridge that start it`,
      })),
    ...left.map(({ action }) => ({
      message: `${action} of ${sayPipeline(pipeline.name)} brings what is newest there: it is not part of the release`,
      hint: `name it in \`sources\`, or leave \`sources\` out`,
    })),
    ...given
      .filter(({ kind }) => kind === 'git' && !isTold)
      .map(({ action }) => ({
        message: `${action} gives ${sayPipeline(pipeline.name)} the release's commit: what it builds of that are not the bytes that were verified before`,
        hint: 'let it deploy the artifact: `variables: { IMAGE: "{image}" }`, or a source action of S3 or ECR',
      })),
  ]
}
