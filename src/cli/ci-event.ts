/** Which ref moved to which commit, as the CI that runs us says it. */
import { isObjectId, type RefName, TrunklineError, usageError } from '../model/index.ts'

/** `hint`: what to do where it cannot say the ref. */
export type CiEvent = { ci: string; ref: RefName | null; commit: string | null; hint?: string }

const branch = (name: string | undefined): RefName | null => (name ? `refs/heads/${name}` : null)
const tag = (name: string | undefined): RefName | null => (name ? `refs/tags/${name}` : null)
/** CodeBuild says `branch/main` or `tag/v1` in some triggers, full refs in others, and `<ref>^{<commit>}` where it pins one. */
const codeBuildRef = (text: string | undefined): RefName | null => {
  if (!text) return null
  if (text.startsWith('refs/')) return text.replace(/\^\{[0-9a-f]+\}$/, '')
  if (text.startsWith('branch/')) return branch(text.slice('branch/'.length))
  if (text.startsWith('tag/')) return tag(text.slice('tag/'.length))
  return null
}

/** null outside any CI we know. */
export function ciEvent(environment: NodeJS.ProcessEnv): CiEvent | null {
  const env = (name: string): string | undefined => environment[name] || undefined
  if (env('GITHUB_ACTIONS'))
    return { ci: 'GitHub Actions', ref: env('GITHUB_REF') ?? null, commit: env('GITHUB_SHA') ?? null }
  if (env('GITLAB_CI')) {
    return {
      ci: 'GitLab CI',
      ref: tag(env('CI_COMMIT_TAG')) ?? branch(env('CI_COMMIT_BRANCH')),
      commit: env('CI_COMMIT_SHA') ?? null,
    }
  }
  if (env('CIRCLECI')) {
    return {
      ci: 'CircleCI',
      ref: tag(env('CIRCLE_TAG')) ?? branch(env('CIRCLE_BRANCH')),
      commit: env('CIRCLE_SHA1') ?? null,
    }
  }
  const pipeline = pipelineOf(environment)
  if (pipeline !== null) return eventOfPipeline(pipeline, env('CODEBUILD_RESOLVED_SOURCE_VERSION'))
  if (env('CODEBUILD_BUILD_ID')) {
    return {
      ci: 'CodeBuild',
      ref:
        codeBuildRef(env('CODEBUILD_WEBHOOK_HEAD_REF')) ??
        codeBuildRef(env('CODEBUILD_WEBHOOK_TRIGGER')) ??
        codeBuildRef(env('CODEBUILD_SOURCE_VERSION')),
      commit: env('CODEBUILD_RESOLVED_SOURCE_VERSION') ?? null,
    }
  }
  return null
}

/** The pipeline of CodePipeline that has started this build of CodeBuild; null: none has. */
export function pipelineOf({ CODEBUILD_BUILD_ID: build, CODEBUILD_INITIATOR: by }: NodeJS.ProcessEnv): string | null {
  return (build && /^codepipeline\/(.+)$/.exec(by ?? '')?.[1]) || null
}

/** It hands on what its source action fetched: of git the commit, never the branch; of S3 a version that is none of ours. */
function eventOfPipeline(pipeline: string, version: string | undefined): CiEvent {
  const commit = version !== undefined && isObjectId(version) ? version : null
  const which = commit === null ? '' : ' --commit "$CODEBUILD_RESOLVED_SOURCE_VERSION"'
  return {
    ...{ ci: `CodeBuild in the pipeline ${pipeline}`, ref: null, commit },
    hint: `say which ref moved: trunkline deliver --ref main${which}; where it varies, let the pipeline hand it on as a variable (\`#{SourceVariables.BranchName}\`)`,
  }
}

/** What a pipeline hands on by default is a zip, in which nobody finds a commit. */
export function asHandedOn(error: unknown, environment: NodeJS.ProcessEnv): unknown {
  const pipeline = pipelineOf(environment)
  if (pipeline === null || !(error instanceof TrunklineError) || error.code !== 'NOT_A_REPOSITORY') return error
  return usageError('NOT_A_REPOSITORY', `the pipeline ${pipeline} has handed on files without their history`, {
    hint: 'let its source action hand on a clone: `OutputArtifactFormat: CODEBUILD_CLONE_REF` in its configuration, and `git-credential-helper: yes` under `env` in the buildspec',
    cause: error,
  })
}
