/** What a CodeBuild project has: the builds of an order, and the variables that it gives to all. */
import {
  BatchGetBuildsCommand,
  BatchGetProjectsCommand,
  type Build,
  CodeBuildClient,
  ListBuildsForProjectCommand,
  type Project,
} from '@aws-sdk/client-codebuild'
import type { Aws } from '../../aws/index.ts'
import { type Digest, usageError } from '../../model/index.ts'
import { ticketVariable } from '../ticket.ts'

/** The newest page of a project's builds: a controller that comes back does so soon. */
export async function findBuilds(aws: Aws, projectName: string, order: Digest, signal: AbortSignal): Promise<Build[]> {
  const client = aws.client(CodeBuildClient)
  const list = new ListBuildsForProjectCommand({ projectName, sortOrder: 'DESCENDING' })
  const { ids = [] } = await aws.send(client, list, { signal }).catch((error: unknown) => {
    if (!aws.isError(error, 'ResourceNotFoundException')) throw error
    throw usageError('NO_CODEBUILD_PROJECT', `there is no CodeBuild project ${projectName} in ${aws.region}`, {
      hint: 'docs/building-elsewhere.md says what it must have',
    })
  })
  if (ids.length === 0) return []
  const { builds = [] } = await aws.send(client, new BatchGetBuildsCommand({ ids: ids.slice(0, 100) }), { signal })
  return builds.filter((build) => isOf(build, order))
}

const isOf = ({ environment }: Build, order: Digest): boolean =>
  environment?.environmentVariables?.some(
    ({ name, value }) => name === ticketVariable && (value ?? '').includes(`"${order}"`),
  ) ?? false

/**
 * Everyone who may look at a build sees its variables, so that none is sent along: those that builds are passed must be
 * the CodeBuild project's own, from Secrets Manager or SSM. Usage error `VARIABLES_NOT_SENT`.
 */
export async function requireVariables(
  aws: Aws,
  project: string,
  names: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  if (names.length === 0) return
  const client = aws.client(CodeBuildClient)
  const { projects = [] } = await aws.send(client, new BatchGetProjectsCommand({ names: [project] }), { signal })
  const missing = missingVariables(projects[0], names)
  if (missing.length === 0) return
  throw usageError(
    'VARIABLES_NOT_SENT',
    `builds are passed ${missing.join(', ')}, which the CodeBuild project ${project} does not have`,
    {
      hint: 'a build’s variables can be read by all who may look at it: give them to the project, as SECRETS_MANAGER or PARAMETER_STORE',
    },
  )
}

export function missingVariables(project: Project | undefined, names: readonly string[]): string[] {
  const given = new Set(project?.environment?.environmentVariables?.map(({ name }) => name))
  return names.filter((name) => !given.has(name))
}
