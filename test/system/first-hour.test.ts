/** What a new user stumbles over: each has a sentence that says what is wrong, and a hint that mends it. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import type { Plan } from '../../src/model/index.ts'
import type { StatusDocument } from '../../src/reporting/index.ts'
import { createRepository, type Repository } from '../fixtures/repository.ts'
import { type ErrorDocument, openProject, type ProjectUnderTest } from './project-under-test.ts'
import { configurationText, smallShop, webAnswering } from './small-shop.ts'

/** Runs a command that must fail so; answers what its user is told. */
async function told(
  project: ProjectUnderTest,
  exitCode: number,
  words: readonly string[],
  options: Parameters<ProjectUnderTest['json']>[2] = {},
): Promise<ErrorDocument['error']> {
  return (await project.json<ErrorDocument>(exitCode, words, options)).error
}

describe('before the first delivery', async () => {
  const project = await openProject({ files: smallShop() })
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-first-hour-'))
  const repositories: Repository[] = []
  const another = async (files?: Record<string, string>) => {
    const repository = await createRepository(files === undefined ? {} : { files })
    repositories.push(repository)
    return repository
  }
  after(async () => {
    await project[Symbol.asyncDispose]()
    await Promise.all([rm(folder, { recursive: true }), ...repositories.map((repository) => repository.dispose())])
  })

  for (const command of ['plan', 'status', 'deliver', 'log']) {
    test(`${command} outside a repository says so`, async () => {
      const { code, hint } = await told(project, 2, [command], { directory: folder })
      assert.equal(code, 'NOT_A_REPOSITORY')
      assert.match(hint ?? '', /inside a clone/)
    })

    test(`${command} in a repository without commits asks for one`, async () => {
      const { directory } = await another()
      const { code, hint } = await told(project, 2, [command], { directory })
      assert.equal(code, 'NO_COMMITS')
      assert.match(hint ?? '', /git commit/)
    })
  }

  test('a repository without trunkline.yaml is told to write one; an uncommitted one, to commit it', async () => {
    const repository = await another({ 'README.md': 'hello' })
    const { directory } = repository
    const absent = await told(project, 2, ['plan'], { directory })
    assert.equal(absent.code, 'NO_CONFIG')
    assert.match(absent.hint ?? '', /write one/)
    await repository.git('clean', '-fd')
    await mkdir(join(directory, 'deep'))
    await writeFile(join(directory, 'trunkline.yaml'), configurationText())
    const untracked = await told(project, 2, ['status'], { directory: join(directory, 'deep') })
    assert.match(untracked.hint ?? '', /not committed: git add trunkline\.yaml/)
  })

  test('every mistake in trunkline.yaml is told at once, with its place', async () => {
    const repository = await another({
      'trunkline.yaml': 'project: shop\nservces: {}\nservices:\n  web: { pth: web }\nenvironments:\n  stage: {}\n',
    })
    const { code, problems } = await told(project, 2, ['plan'], { directory: repository.directory })
    assert.equal(code, 'CONFIG_INVALID')
    assert.deepEqual(
      problems?.map(({ location }) => [location?.file, location?.line, location?.column]),
      [
        ['trunkline.yaml', 2, 1],
        ['trunkline.yaml', 4, 10],
        ['trunkline.yaml', 6, 3],
      ],
    )
    const { stderr } = await project.trunkline(['plan'], { directory: repository.directory })
    assert.match(stderr, /trunkline\.yaml:2:1 {2}error {2}unknown key `servces`: did you mean `services`\?/)
    assert.match(stderr, /3 mistakes in trunkline\.yaml/)
    assert.equal(stderr.match(/servces: \{\}/g)?.length, 1, 'the first is not told twice')
  })

  test('a plan needs no remote and no push', async () => {
    const repository = await another({ 'trunkline.yaml': configurationText(), 'web/main.js': webAnswering('one') })
    const plan = await project.json<Plan>(0, ['plan'], { directory: repository.directory })
    assert.equal(plan.services.length, 2)
  })

  test('a remote that cannot be reached is the fault of the world', async () => {
    const repository = await another({ 'trunkline.yaml': configurationText() })
    await repository.addRemote('origin', join(folder, 'gone.git'))
    const { code, hint } = await told(project, 4, ['deliver'], { directory: repository.directory })
    assert.equal(code, 'REMOTE_UNREACHABLE')
    assert.match(hint ?? '', /git remote -v/)
  })

  test('a commit that is not pushed is not left out silently', async () => {
    const clone = await project.clone.clone({ url: project.remote.directory })
    repositories.push(clone)
    await clone.commit('not pushed', { 'README.md': 'later' })
    const { code, hint } = await told(project, 2, ['deliver'], { directory: clone.directory })
    assert.equal(code, 'NOT_PUSHED')
    assert.match(hint ?? '', /git push/)
  })

  test('a branch that is not at the remote, and no branch at all', async () => {
    const clone = await project.clone.clone({ url: project.remote.directory })
    repositories.push(clone)
    const { directory } = clone
    await clone.checkout('feature', { create: true })
    const absent = await told(project, 2, ['deliver'], { directory })
    assert.equal(absent.code, 'UNKNOWN_REF')
    assert.equal(absent.message, 'the remote has no branch feature')
    assert.match(absent.hint ?? '', /git push origin feature/)
    await clone.git('checkout', '--quiet', '--detach')
    const detached = await told(project, 2, ['deliver'], { directory })
    assert.equal(detached.code, 'NO_REF')
    assert.match(detached.hint ?? '', /--ref main/)
    assert.equal((await project.json<Plan>(0, ['plan'], { directory })).environments.length, 0)
  })

  test('a pipeline that runs CodeBuild tells no branch: a commit and how to say it, or how to hand on a clone', async () => {
    const clone = await project.clone.clone({ url: project.remote.directory })
    repositories.push(clone)
    await clone.git('checkout', '--quiet', '--detach')
    const commit = (await clone.git('rev-parse', 'HEAD')).trim()
    const environment = {
      ...{ CODEBUILD_BUILD_ID: 'shop:1', CODEBUILD_INITIATOR: 'codepipeline/shop-web' },
      CODEBUILD_RESOLVED_SOURCE_VERSION: commit,
    }
    const { code, message, hint } = await told(project, 2, ['deliver'], { directory: clone.directory, environment })
    assert.deepEqual([code, message], ['NO_REF', 'CodeBuild in the pipeline shop-web says no branch or tag'])
    assert.match(hint ?? '', /trunkline deliver --ref main --commit "\$CODEBUILD_RESOLVED_SOURCE_VERSION"/)
    const zipped = await told(project, 2, ['deliver'], { directory: folder, environment })
    assert.equal(zipped.message, 'the pipeline shop-web has handed on files without their history')
    assert.match(zipped.hint ?? '', /CODEBUILD_CLONE_REF/)
  })

  test('a branch that no environment takes is nothing to do, and says which setting decides', async () => {
    await project.clone.git('push', '--quiet', 'origin', 'HEAD:refs/heads/feature-2')
    const result = await project.json(0, ['deliver', '--ref', 'feature-2'])
    assert.equal(result.outcome, 'nothing')
    assert.equal(result.reasons[0]?.code, 'no-route')
    assert.match(result.reasons[0]?.hint ?? '', /environments/)
  })

  test('names that do not exist say what does', async () => {
    const cases: Array<[words: string[], code: string, hint: RegExp]> = [
      [['deploy', 'stagee'], 'UNKNOWN_ENVIRONMENT', /known: stage, prod/],
      [['status', 'stagee'], 'UNKNOWN_ENVIRONMENT', /stage, prod/],
      [['why', 'wep'], 'UNKNOWN_SERVICE', /it has: web, worker/],
      [['logs', 'stage', 'wep'], 'UNKNOWN_SERVICE', /running there/],
      [['where', 'no-such-commit'], 'UNKNOWN_REVISION', /branch, tag or commit id/],
      [['deliver', '--ref', 'no-such-branch'], 'UNKNOWN_REF', /push it first/],
      [['rollback', 'stage', '--to', 'v9'], 'UNKNOWN_RELEASE', /healthy/],
      [['retry', 'stage'], 'NOTHING_TO_RETRY', /trunkline log stage/],
    ]
    for (const [words, code, hint] of cases) {
      const error = await told(project, 2, words)
      assert.equal(error.code, code, words.join(' '))
      assert.match(error.hint ?? '', hint, words.join(' '))
    }
  })

  test('names that look like options or hold shell characters are only names', async () => {
    const names = ['--upload-pack=touch pwned', '$(touch pwned)', 'a;touch pwned', '`touch pwned`', '../../etc', '*']
    for (const name of names) {
      for (const words of [
        ['plan', '--', name],
        ['deliver', `--ref=${name}`],
        ['deliver', '--ref', 'main', `--commit=${name}`],
      ]) {
        const { code } = await told(project, 2, words)
        assert.match(code, /^UNKNOWN_/, words.join(' '))
      }
      assert.equal((await told(project, 2, ['deploy', 'stage', '--', name])).code, 'UNKNOWN_REVISION')
    }
    assert.ok(!existsSync(join(project.clone.directory, 'pwned')))
  })

  test('a branch with a name that a shell would run is planned like any other', async () => {
    await project.clone.git('push', '--quiet', 'origin', 'HEAD:refs/heads/$(touch-pwned);x', 'HEAD:refs/heads/rc-next')
    for (const ref of ['$(touch-pwned);x', 'rc-next']) {
      const result = await project.json(0, ['deliver', '--ref', ref])
      assert.equal(result.reasons[0]?.code, 'no-route')
    }
  })
})

describe('wherever it is called', async () => {
  const project = await openProject({ files: smallShop() })
  const clones: Repository[] = []
  after(async () => {
    await project[Symbol.asyncDispose]()
    await Promise.all(clones.map((clone) => clone.dispose()))
  })
  const cloned = async (options: Parameters<Repository['clone']>[0]) => {
    const clone = await project.clone.clone({ url: `file://${project.remote.directory}`, ...options })
    clones.push(clone)
    return clone
  }
  const planned = async (words: string[], options: Parameters<ProjectUnderTest['json']>[2]) => {
    const plan = await project.json<Plan>(0, ['plan', ...words], options)
    return plan.services.map(({ name, inputHash }) => [name, inputHash])
  }
  const expected = await planned([], {})

  test('a sub-directory', async () => {
    assert.deepEqual(await planned([], { directory: join(project.clone.directory, 'web') }), expected)
  })

  test('a bare clone, with a ref or without', async () => {
    const { directory } = await cloned({ bare: true })
    assert.deepEqual(await planned(['--ref', 'main'], { directory }), expected)
    assert.deepEqual(await planned([], { directory }), expected)
  })

  test('a clone without file contents', async () => {
    const { directory } = await cloned({ filter: 'blob:none' })
    assert.deepEqual(await planned([], { directory }), expected)
  })

  test('a worktree', async () => {
    const directory = join(project.home, 'worktree')
    await project.clone.git('worktree', 'add', '--quiet', '--detach', directory)
    assert.deepEqual(await planned(['main'], { directory }), expected)
    await project.clone.git('worktree', 'remove', directory)
  })

  test('anywhere, with GIT_DIR', async () => {
    const environment = { GIT_DIR: join(project.clone.directory, '.git') }
    assert.deepEqual(await planned([], { directory: project.home, environment }), expected)
  })

  test('a shallow clone delivers what needs no history, and says how to get the rest', async () => {
    await project.push('second', { 'README.md': 'more' })
    const { directory } = await cloned({ depth: 1 })
    assert.deepEqual(await planned([], { directory }), expected)
    const { code, hint } = (await project.json<ErrorDocument>(2, ['plan', 'HEAD~1'], { directory })).error
    assert.equal(code, 'SHALLOW_CLONE')
    assert.match(hint ?? '', /git fetch --unshallow.*fetch-depth: 0/)
  })

  test('a checked-out commit from before trunkline.yaml asks the remote what the project is', async () => {
    const clone = await cloned({})
    await clone.git('checkout', '--quiet', '--orphan', 'pages')
    await clone.git('rm', '-rf', '--quiet', '.')
    await clone.commit('a page', { 'index.html': 'hello' })
    const { environments } = await project.json<StatusDocument>(0, ['status'], { directory: clone.directory })
    assert.deepEqual(
      environments.map(({ name }) => name),
      ['stage', 'prod'],
    )
  })

  test('a branch or tag that only the remote has', async () => {
    const { directory } = await cloned({})
    await project.clone.git('push', '--quiet', 'origin', 'HEAD:refs/heads/fresh')
    assert.deepEqual(await planned(['fresh'], { directory }), expected)
  })
})
