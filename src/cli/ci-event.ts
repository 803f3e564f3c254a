/** Which ref moved to which commit, as the CI that runs us says it. */
import type { RefName } from '../model/index.ts'

export type CiEvent = { ci: string; ref: RefName | null; commit: string | null }

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
