import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, type TestContext, test } from 'node:test'
import { CodeDeployClient, ListApplicationsCommand } from '@aws-sdk/client-codedeploy'
import { LambdaClient, ListFunctionsCommand } from '@aws-sdk/client-lambda'
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts'
import { isSessionOf } from '../../src/aws/assumed-role.ts'
import { type Aws, openAws } from '../../src/aws/index.ts'
import { keptCredentials } from '../../src/aws/kept-credentials.ts'
import type { TrunklineError } from '../../src/model/index.ts'
import type { Clock } from '../../src/ports/index.ts'
import { type AwsPart, awsMissing, startAws } from '../parts/aws/aws.ts'
import { type AwsFaults, startFaults } from '../parts/aws/faults.ts'

const role = 'arn:aws:iam::111122223333:role/delivery/trunkline-stage'
const inTime = () => AbortSignal.timeout(60_000)

test('a session is recognized as one of a role', () => {
  const session = 'arn:aws:sts::111122223333:assumed-role/trunkline-stage/job-1'
  assert.equal(isSessionOf(session, role), true)
  assert.equal(isSessionOf(session, 'arn:aws:iam::111122223333:role/trunkline-prod'), false)
  assert.equal(isSessionOf(session, 'arn:aws:iam::999999999999:role/trunkline-stage'), false)
  assert.equal(isSessionOf('arn:aws:iam::111122223333:user/trunkline-stage', role), false)
})

test('credentials are asked for once, again before they end, and again after a failure', async () => {
  let nowMs = 0
  let asked = 0
  let broken = false
  const source = async () => {
    asked++
    if (broken) throw new Error('no')
    return { accessKeyId: `key-${asked}`, secretAccessKey: 's', expiration: new Date(nowMs + 60 * 60_000) }
  }
  const clock = { now: () => nowMs, monotonicMs: () => nowMs, sleep: async () => {} }
  const kept = keptCredentials(source, clock)
  await Promise.all([kept(), kept()])
  nowMs += 54 * 60_000
  assert.equal((await kept()).accessKeyId, 'key-1')
  nowMs += 2 * 60_000
  const renewed = await Promise.all([kept(), kept(), kept()])
  assert.deepEqual([...new Set(renewed.map(({ accessKeyId }) => accessKeyId))], ['key-2'])
  nowMs += 60 * 60_000
  broken = true
  await assert.rejects(kept(), /no/)
  broken = false
  assert.equal((await kept()).accessKeyId, 'key-4')
})

describe('the role of an environment', { skip: awsMissing() }, () => {
  let part: AwsPart
  let faults: AwsFaults
  const opened: Aws[] = []

  before(async () => {
    part = await startAws()
    faults = await startFaults(part)
  })
  afterEach(async () => {
    for (const aws of opened.splice(0)) await aws.close()
    faults.clear()
    await part.reset()
  })
  after(async () => {
    await faults?.stop()
    await part?.stop()
  })

  const clock: Clock = {
    now: () => Date.now(),
    monotonicMs: () => performance.now(),
    sleep: async (_, signal) => signal.throwIfAborted(),
  }

  const withoutKeys = (): NodeJS.ProcessEnv => {
    const { AWS_ACCESS_KEY_ID: _, AWS_SECRET_ACCESS_KEY: __, ...others } = faults.environment
    return others
  }

  function open(variables: NodeJS.ProcessEnv): Aws {
    const aws = openAws({ ...faults.access, role, account: '111122223333' }, { variables, clock, user: 'shop/stage' })
    opened.push(aws)
    return aws
  }

  const session = 'arn:aws:sts::111122223333:assumed-role/trunkline-stage/trunkline-shop-stage'

  async function gitHub(t: TestContext, answer: (url: URL, bearer: string) => { status: number; body: string }) {
    const asked: { audience: string | null; bearer: string }[] = []
    const server = createServer((request, response) => {
      const url = new URL(request.url ?? '', 'http://github')
      const bearer = request.headers.authorization ?? ''
      asked.push({ audience: url.searchParams.get('audience'), bearer })
      const { status, body } = answer(url, bearer)
      response.writeHead(status).end(body)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => server.close())
    const { port } = server.address() as AddressInfo
    const variables = {
      ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${port}/token?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: 'request-token',
    }
    return { asked, variables }
  }

  test('is assumed with the identity of a GitHub Actions job, so that no key is stored', async (t) => {
    const { asked, variables } = await gitHub(t, () => ({ status: 200, body: '{"value":"ey.job.token"}' }))
    const aws = open({ ...withoutKeys(), ...variables })
    assert.deepEqual(await aws.assertAccount(inTime()), { account: '111122223333', arn: session })
    assert.deepEqual(asked, [{ audience: 'sts.amazonaws.com', bearer: 'bearer request-token' }])
    assert.deepEqual(faults.calls(), ['sts:AssumeRoleWithWebIdentity', 'sts:GetCallerIdentity'])
  })

  test('says what a GitHub Actions job lacks, and shows no token', async (t) => {
    let tries = 0
    const { variables } = await gitHub(t, () => ({ status: ++tries < 3 ? 503 : 403, body: 'request-token' }))
    await assert.rejects(open({ ...withoutKeys(), ...variables }).assertAccount(inTime()), (error: TrunklineError) => {
      assert.equal(error.code, 'AWS_WEB_IDENTITY')
      assert.match(error.message, /GitHub gives the job no identity token: 127\.0\.0\.1:\d+ answers 403/)
      assert.match(error.hint ?? '', /id-token: write/)
      assert.doesNotMatch(`${error.message}${error.stack}`, /request-token/)
      return true
    })
    assert.equal(tries, 4)
  })

  test('is assumed with the token of a GitLab job, or of a file', async (t) => {
    await open({ ...withoutKeys(), GITLAB_OIDC_TOKEN: 'ey.gitlab.token' }).assertAccount(inTime())
    const folder = await mkdtemp(join(tmpdir(), 'trunkline-token-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    const file = join(folder, 'token')
    await writeFile(file, 'ey.file.token\n')
    await open({ ...withoutKeys(), AWS_WEB_IDENTITY_TOKEN_FILE: file }).assertAccount(inTime())
    assert.equal(faults.calls('sts:AssumeRoleWithWebIdentity').length, 2)
    const none = open({ ...withoutKeys(), AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, 'none') })
    await assert.rejects(none.assertAccount(inTime()), { code: 'AWS_WEB_IDENTITY' })
  })

  test('is assumed by the role of a pod, where that is another one', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'trunkline-token-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    await writeFile(join(folder, 'token'), 'ey.pod.token')
    const own = {
      AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, 'token'),
      AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/ci',
    }
    await open({ ...withoutKeys(), ...own }).assertAccount(inTime())
    assert.deepEqual(faults.calls(), ['sts:AssumeRoleWithWebIdentity', 'sts:AssumeRole', 'sts:GetCallerIdentity'])
  })

  test('is assumed once for all services, with keys at hand', async () => {
    const aws = open(faults.environment)
    const ask = () =>
      Promise.all([
        aws.send(aws.client(CodeDeployClient), new ListApplicationsCommand({}), { signal: inTime() }),
        aws.send(aws.client(LambdaClient), new ListFunctionsCommand({}), { signal: inTime() }),
      ])
    await ask()
    await ask()
    assert.equal(faults.calls('sts:AssumeRole').length, 1)
  })

  test('is not assumed by who is it already', async () => {
    const keys = openAws(part.access, { variables: part.environment, clock })
    const simple = 'arn:aws:iam::111122223333:role/trunkline-stage'
    const { Credentials } = await keys.send(
      keys.client(STSClient),
      new AssumeRoleCommand({ RoleArn: simple, RoleSessionName: 'job' }),
      { signal: inTime() },
    )
    await keys.close()
    faults.fault('sts:AssumeRole', { kind: 'denied', permission: 'sts:AssumeRole', resource: simple })
    const variables = {
      ...faults.environment,
      AWS_ACCESS_KEY_ID: Credentials?.AccessKeyId,
      AWS_SECRET_ACCESS_KEY: Credentials?.SecretAccessKey,
      AWS_SESSION_TOKEN: Credentials?.SessionToken,
    }
    const aws = openAws({ ...faults.access, role: simple }, { variables, clock })
    opened.push(aws)
    assert.equal((await aws.assertAccount(inTime())).arn, 'arn:aws:sts::111122223333:assumed-role/trunkline-stage/job')
  })

  test('that may not be assumed names who wanted to', async () => {
    faults.fault('sts:AssumeRole', { kind: 'denied', permission: 'sts:AssumeRole', resource: role })
    await assert.rejects(open(faults.environment).assertAccount(inTime()), (error: TrunklineError) => {
      assert.equal(error.code, 'AWS_ROLE_DENIED')
      assert.match(error.message, /arn:aws:sts::123456789012:user\/moto may not assume arn:aws:iam::111122223333:role/)
      return true
    })
    faults.fault(/AssumeRoleWithWebIdentity/, { kind: 'denied', permission: 'sts:AssumeRoleWithWebIdentity' })
    await assert.rejects(
      open({ ...withoutKeys(), GITLAB_OIDC_TOKEN: 'ey.gitlab.token' }).assertAccount(inTime()),
      (error: TrunklineError) => {
        assert.match(error.message, /does not let the identity of GITLAB_OIDC_TOKEN assume/)
        assert.match(error.hint ?? '', /trust policy/)
        return true
      },
    )
  })
})
