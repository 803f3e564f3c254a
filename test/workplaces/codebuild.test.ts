/** Checks and builds on CodeBuild: the real SDK against moto, and a driver that does what AWS does for a build. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { CodeBuildClient, CreateProjectCommand } from '@aws-sdk/client-codebuild'
import { faultOfBuild } from '../../src/workplaces/codebuild/follow.ts'
import { type AwsPart, awsMissing, startAws } from '../parts/aws/aws.ts'
import { until } from '../parts/kubernetes/cluster.ts'
import { type RegistryPart, registryMissing, startRegistry } from '../parts/registry.ts'
import { type ErrorDocument, openProject, type ProjectUnderTest } from '../system/project-under-test.ts'
import { type CodeBuildDriver, startCodeBuildDriver } from './codebuild-driver.ts'
import { buildsAsDoctorSees } from './doctor.ts'

describe('builds on CodeBuild', { skip: awsMissing() || registryMissing(), timeout: 600_000 }, () => {
  let aws: AwsPart
  let registry: RegistryPart
  let driver: CodeBuildDriver
  before(async () => {
    ;[aws, registry] = await Promise.all([startAws(), startRegistry()])
  })
  beforeEach(async () => {
    await aws.reset()
    const client = new CodeBuildClient({ endpoint: aws.endpoint, region: aws.region, credentials })
    await client.send(
      new CreateProjectCommand({
        name: 'shop-builds',
        source: { type: 'NO_SOURCE', location: 'none' },
        artifacts: { type: 'NO_ARTIFACTS' },
        environment: {
          ...{ type: 'LINUX_CONTAINER', computeType: 'BUILD_GENERAL1_SMALL', image: 'registry.test/ci:1' },
          environmentVariables: [{ name: 'NPM_TOKEN', value: 'shop/npm', type: 'SECRETS_MANAGER' }],
        },
        serviceRole: `arn:aws:iam::${aws.account}:role/builds`,
      }),
    )
    client.destroy()
    driver = await startCodeBuildDriver({ aws, environment: { NPM_TOKEN: secret } })
  })
  afterEach(() => driver?.stop())
  after(async () => {
    await Promise.all([aws?.stop(), registry?.stop()])
  })

  const secret = 'hunter2-and-more'
  const credentials = {
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  }
  const building = 'mkdir web/dist && cp web/main.txt web/dist/'
  let shops = 0

  type Change = { place?: object }

  /** A service `web`, with more of what is said of it. */
  async function openShop(web: object = {}, { place = {} }: Change = {}): Promise<ProjectUnderTest> {
    shops += 1
    const config = {
      project: 'shop',
      artifacts: `oci+http://${registry.host}/shop-${shops}`,
      aws: { region: aws.region, account: aws.account },
      builds: { on: { codebuild: { project: 'shop-builds', ...place } } },
      services: { web: { path: 'web', build: building, artifact: { bundle: { include: ['dist/**'] } }, ...web } },
      environments: { stage: { on: { branch: 'main' }, target: { fleet: { hosts: ['local'] } } } },
    }
    const files = { 'trunkline.yaml': JSON.stringify(config), 'web/main.txt': `shop ${shops}\n` }
    return await openProject({ files, environment: { ...aws.environment, NPM_TOKEN: secret } })
  }

  test('a delivery checks and builds there, with its output, once', async () => {
    await using project = await openShop({ checks: { test: 'echo testing; ls web' } })
    const ended = await project.trunkline(['deliver'], { environment: { TRUNKLINE_VERBOSE: '1' } })
    assert.equal(ended.exitCode, 0, ended.stderr)
    assert.match(ended.stderr, /testing\n.*main\.txt/s)
    assert.doesNotMatch(ended.stderr, /\[Container\]/)
    assert.equal(driver.started.length, 2)
    await project.json(0, ['deliver'])
    assert.equal(driver.started.length, 2)
  })

  test('what is red is told with its last lines, and a secret of the project shows nowhere', async () => {
    const test = { run: 'echo "token $NPM_TOKEN"; exit 3', passEnv: ['NPM_TOKEN'] }
    await using project = await openShop({ checks: { test } })
    const red = await project.trunkline(['check'])
    assert.equal(red.exitCode, 1, red.stderr)
    assert.match(red.stderr + red.stdout, /check web\/test ended with exit code 3[\s\S]*token (?:•+|\*+)/)
    assert.ok(!JSON.stringify([red, driver.started]).includes(secret))
  })

  test('a variable that the project does not have is not sent where others could read it', async () => {
    const test = { run: 'true', passEnv: ['DEPLOY_KEY'] }
    await using project = await openShop({ checks: { test } })
    const { error } = await project.json<ErrorDocument>(2, ['check'], { environment: { DEPLOY_KEY: secret } })
    assert.equal(error.code, 'VARIABLES_NOT_SENT')
    assert.match(error.message, /DEPLOY_KEY/)
    assert.equal(driver.started.length, 0)
  })

  test('doctor says whether the project is there, and would take the orders of this one', async () => {
    const test = { run: 'true', passEnv: ['NPM_TOKEN'] }
    const seen = async (exitCode: 0 | 1, change: Change = {}) => {
      await using project = await openShop({ checks: { test } }, change)
      return await buildsAsDoctorSees(project, exitCode)
    }
    const [account, well] = await seen(0)
    assert.match(account?.message ?? '', /^AWS is reached as .*, as configured$/)
    assert.deepEqual(
      [well?.verdict, well?.message],
      [
        'good',
        'the CodeBuild project shop-builds in eu-west-1 is there, and runs registry.test/ci:1, not privileged: Dockerfiles need buildah in it',
      ],
    )
    const gone = (await seen(1, { place: { project: 'nothing' } })).at(-1)
    assert.deepEqual([gone?.verdict, gone?.message], ['bad', 'there is no CodeBuild project nothing in eu-west-1'])
    const arm = (await seen(1, { place: { platform: 'linux/arm64' } })).at(-1)
    assert.match(arm?.message ?? '', /is linux\/x64, and `platform` under builds\.on says linux\/arm64/)
    const foreign = (await seen(1, { place: { image: 'aws/codebuild/standard:7.0' } })).at(-1)
    assert.match(foreign?.message ?? '', /aws\/codebuild\/standard:7\.0, in which there is no Trunkline/)
    await using project = await openShop({ checks: { test: { run: 'true', passEnv: ['DEPLOY_KEY'] } } })
    const missing = (await buildsAsDoctorSees(project, 1)).at(-1)
    assert.match(missing?.message ?? '', /^builds are passed DEPLOY_KEY, which the CodeBuild project does not have/)
    assert.equal(driver.started.length, 0, 'nothing was started for it')
  })

  test('a controller that was killed finds its build again', { timeout: 200_000 }, async () => {
    const gate = join(await mkdtemp(join(tmpdir(), 'trunkline-gate-')), 'open')
    await using project = await openShop({ build: `until [ -e '${gate}' ]; do sleep 0.1; done; ${building}` })
    const killed = project.start(['deliver'])
    await until('its build runs', async () => driver.running().length === 1)
    killed.process.kill('SIGKILL')
    await killed.ended
    const next = project.start(['deliver'], { environment: { TRUNKLINE_VERBOSE: '1' } })
    await next.says(/build web/)
    await writeFile(gate, '')
    const ended = await next.ended
    assert.equal(ended.exitCode, 0, ended.stderr)
    assert.match(ended.stderr, /does it already: joined/)
    assert.equal(driver.started.length, 1)
    await rm(dirname(gate), { recursive: true })
  })

  test('a cancelled delivery stops its build', { timeout: 200_000 }, async () => {
    await using project = await openShop({ build: 'sleep 600' })
    const cancelled = project.start(['deliver'])
    await until('its build runs', async () => driver.running().length === 1)
    cancelled.pressCtrlC()
    assert.equal((await cancelled.ended).exitCode, 130)
    await until('it is stopped', async () => driver.running().length === 0)
  })
})

describe('the end of a build without an outcome', () => {
  const contexts = [{ statusCode: 'BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE', message: 'Unable to pull customer’s image' }]
  const faults: Array<[string, Parameters<typeof faultOfBuild>[1], string, RegExp]> = [
    [
      'whose image cannot be pulled',
      { buildStatus: 'FAILED', phases: [{ phaseType: 'PROVISIONING', phaseStatus: 'FAILED', contexts }] },
      'WORK_CANNOT_START',
      /cannot start: BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE: Unable to pull/,
    ],
    [
      'that waited too long',
      { buildStatus: 'TIMED_OUT', phases: [{ phaseType: 'QUEUED', phaseStatus: 'TIMED_OUT' }] },
      'WORK_CANNOT_START',
      /waited too long in the queue/,
    ],
    [
      'that took too long',
      { buildStatus: 'TIMED_OUT', phases: [{ phaseType: 'BUILD', phaseStatus: 'TIMED_OUT' }] },
      'WORK_TIMED_OUT',
      /ran past its deadline/,
    ],
    ['that someone stopped', { buildStatus: 'STOPPED' }, 'WORK_LOST', /was stopped by someone/],
    [
      'that cannot reach the store',
      {
        buildStatus: 'FAILED',
        phases: [{ phaseType: 'BUILD', phaseStatus: 'FAILED', contexts: [{ message: 'exit status 4' }] }],
      },
      'WORK_LOST',
      /ended FAILED and left no outcome: exit status 4/,
    ],
  ]
  for (const [what, build, code, message] of faults) {
    test(`${what} is the world's fault`, () => {
      const fault = faultOfBuild('build web', { id: 'shop:1', ...build })
      assert.deepEqual([fault.kind, fault.code], ['errored', code])
      assert.match(fault.message, message)
    })
  }
})
