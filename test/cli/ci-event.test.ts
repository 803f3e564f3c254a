/** Each CI says in its own words which ref moved. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { actorOf } from '../../src/cli/actor.ts'
import { ciEvent } from '../../src/cli/ci-event.ts'

const commit = '0123456789abcdef0123456789abcdef01234567'

describe('the event of a CI job', () => {
  const cases: ReadonlyArray<
    readonly [title: string, environment: Record<string, string>, ci: string, ref: string | null]
  > = [
    [
      'a branch on GitHub',
      { GITHUB_ACTIONS: 'true', GITHUB_REF: 'refs/heads/main', GITHUB_SHA: commit },
      'GitHub Actions',
      'refs/heads/main',
    ],
    [
      'a tag on GitHub',
      { GITHUB_ACTIONS: 'true', GITHUB_REF: 'refs/tags/v1', GITHUB_SHA: commit },
      'GitHub Actions',
      'refs/tags/v1',
    ],
    [
      'a pull request on GitHub',
      { GITHUB_ACTIONS: 'true', GITHUB_REF: 'refs/pull/7/merge', GITHUB_SHA: commit },
      'GitHub Actions',
      'refs/pull/7/merge',
    ],
    [
      'a branch on GitLab',
      { GITLAB_CI: 'true', CI_COMMIT_BRANCH: 'main', CI_COMMIT_SHA: commit },
      'GitLab CI',
      'refs/heads/main',
    ],
    ['a tag on GitLab', { GITLAB_CI: 'true', CI_COMMIT_TAG: 'v1', CI_COMMIT_SHA: commit }, 'GitLab CI', 'refs/tags/v1'],
    ['a merge request on GitLab', { GITLAB_CI: 'true', CI_COMMIT_SHA: commit }, 'GitLab CI', null],
    [
      'a branch on CircleCI',
      { CIRCLECI: 'true', CIRCLE_BRANCH: 'releases/1.0-stag', CIRCLE_SHA1: commit },
      'CircleCI',
      'refs/heads/releases/1.0-stag',
    ],
    [
      'a tag on CircleCI',
      { CIRCLECI: 'true', CIRCLE_TAG: 'v1', CIRCLE_BRANCH: '', CIRCLE_SHA1: commit },
      'CircleCI',
      'refs/tags/v1',
    ],
    [
      'a branch on CodeBuild',
      {
        CODEBUILD_BUILD_ID: 'x:1',
        CODEBUILD_WEBHOOK_HEAD_REF: 'refs/heads/main',
        CODEBUILD_RESOLVED_SOURCE_VERSION: commit,
      },
      'CodeBuild',
      'refs/heads/main',
    ],
    [
      'a trigger on CodeBuild',
      { CODEBUILD_BUILD_ID: 'x:1', CODEBUILD_WEBHOOK_TRIGGER: 'tag/v1', CODEBUILD_RESOLVED_SOURCE_VERSION: commit },
      'CodeBuild',
      'refs/tags/v1',
    ],
    [
      'a pull request on CodeBuild',
      { CODEBUILD_BUILD_ID: 'x:1', CODEBUILD_WEBHOOK_TRIGGER: 'pr/7', CODEBUILD_RESOLVED_SOURCE_VERSION: commit },
      'CodeBuild',
      null,
    ],
    [
      'a pinned branch on CodeBuild',
      {
        CODEBUILD_BUILD_ID: 'x:1',
        CODEBUILD_SOURCE_VERSION: `refs/heads/main^{${commit}}`,
        CODEBUILD_RESOLVED_SOURCE_VERSION: commit,
      },
      'CodeBuild',
      'refs/heads/main',
    ],
  ]
  test('of a pipeline is its commit, where it has one, and how to say the branch that it never tells', () => {
    const started = {
      ...{ CODEBUILD_BUILD_ID: 'x:1', CODEBUILD_INITIATOR: 'codepipeline/shop-web' },
      CODEBUILD_SOURCE_VERSION: 'arn:aws:s3:::codepipeline-eu-west-1-1/shop-web/App/9XkTcO2',
    }
    const git = ciEvent({ ...started, CODEBUILD_RESOLVED_SOURCE_VERSION: commit })
    assert.deepEqual([git?.ci, git?.ref, git?.commit], ['CodeBuild in the pipeline shop-web', null, commit])
    assert.match(
      git?.hint ?? '',
      /--ref main --commit "\$CODEBUILD_RESOLVED_SOURCE_VERSION"; .*SourceVariables\.BranchName/,
    )
    const s3 = ciEvent({ ...started, CODEBUILD_RESOLVED_SOURCE_VERSION: 'jnzvyyzNwkhh.ZzLlmHRMPoPgrq8_cOG' })
    assert.deepEqual([s3?.ref, s3?.commit], [null, null])
    assert.doesNotMatch(s3?.hint ?? '', /--commit/)
  })

  for (const [title, environment, ci, ref] of cases) {
    test(title, () => assert.deepEqual(ciEvent(environment), { ci, ref, commit }))
  }

  test('none outside a CI, or where its variables are empty', () => {
    assert.equal(ciEvent({ PATH: '/bin', GITHUB_ACTIONS: '' }), null)
  })
})

describe('who acts', () => {
  const git = { name: 'Ada', email: 'ada@example.com' }

  test('is by word, else the user of the CI, else the one git knows', () => {
    const word = { TRUNKLINE_ACTOR: 'Bob', TRUNKLINE_ACTOR_EMAIL: 'bob@example.com', GITHUB_ACTOR: 'octo' }
    assert.deepEqual(actorOf(git, word), { name: 'Bob', email: 'bob@example.com' })
    assert.deepEqual(actorOf(git, { GITHUB_ACTOR: 'octo' }), { name: 'octo', email: 'octo@users.noreply.github.com' })
    const gitLab = { GITLAB_USER_NAME: 'Cy', GITLAB_USER_EMAIL: 'cy@example.com' }
    assert.deepEqual(actorOf(git, gitLab), { name: 'Cy', email: 'cy@example.com' })
    assert.deepEqual(actorOf(git, { CIRCLE_USERNAME: 'dee' }), { name: 'dee', email: 'ada@example.com' })
    assert.deepEqual(actorOf(git, {}), git)
  })

  test('always has a name that history can show', () => {
    assert.deepEqual(actorOf(null, { USER: 'eve' }), { name: 'eve', email: 'eve@localhost' })
    assert.deepEqual(actorOf(null, {}), { name: 'unknown', email: 'unknown@localhost' })
    assert.deepEqual(actorOf(null, { TRUNKLINE_ACTOR_EMAIL: 'f@example.com' }), {
      name: 'f@example.com',
      email: 'f@example.com',
    })
  })
})
