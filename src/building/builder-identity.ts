import { hostname, userInfo } from 'node:os'

/** Who builds here, for records: the CI job's page where there is one, else `user@host`. */
export const builderIdentity = (environment: NodeJS.ProcessEnv): string =>
  githubRun(environment) ??
  environment['CI_JOB_URL'] /* GitLab */ ??
  environment['CIRCLE_BUILD_URL'] ??
  codeBuildRun(environment) ??
  `${userName(environment)}@${hostname()}`

/** `linux/x64`, as Node names them. */
export const builderPlatform = (): string => `${process.platform}/${process.arch}`

function githubRun(environment: NodeJS.ProcessEnv): string | undefined {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_RUN_ID: run } = environment
  if (environment['GITHUB_ACTIONS'] !== 'true' || !server || !repository || !run) return undefined
  const attempt = Number(environment['GITHUB_RUN_ATTEMPT'] ?? 1)
  return `${server}/${repository}/actions/runs/${run}${attempt > 1 ? `/attempts/${attempt}` : ''}`
}

/** The console's page of the run; the build's id where the region is not told. */
function codeBuildRun(environment: NodeJS.ProcessEnv): string | undefined {
  const { CODEBUILD_BUILD_ID: id, AWS_REGION: region } = environment
  if (!id) return undefined
  const project = id.split(':')[0] ?? id
  return region
    ? `https://${region}.console.aws.amazon.com/codesuite/codebuild/projects/${project}/build/${encodeURIComponent(id)}`
    : `codebuild:${id}`
}

function userName(environment: NodeJS.ProcessEnv): string {
  try {
    return userInfo().username
  } catch {
    // A container may run under a uid that has no name.
    return environment['USER'] ?? `uid-${process.getuid?.() ?? 'unknown'}`
  }
}
