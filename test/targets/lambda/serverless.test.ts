/** Services of `serverless.yml`, deployed by the real framework; what its `serverless.yml` becomes, by itself. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { parse } from 'yaml'
import { packBundle } from '../../../src/artifacts/packing/index.ts'
import type { Digest, ServerlessRun, Verdict } from '../../../src/model/index.ts'
import type { CheckoutWork, RolloutRequest } from '../../../src/ports/index.ts'
import { readServerlessConfiguration } from '../../../src/targets/lambda/serverless/configuration.ts'
import { type AwsPart, awsMissing, startAws } from '../../parts/aws/aws.ts'
import { type AwsFaults, startFaults } from '../../parts/aws/faults.ts'
import { oslsFolder, oslsMissing } from '../../parts/aws/osls.ts'
import { inTime, type LambdaUnderTest, openLambda, seen } from './lambda-under-test.ts'

const execute = promisify(execFile)
const commandTimeoutMs = 5 * 60_000

const serverlessYml = `service: letters
provider:
  name: aws
  runtime: nodejs22.x
  versionFunctions: false
  environment: { STAGE: "\${sls:stage}", GREETING: "\${env:GREETING}" }
package:
  patterns: ['!**', 'dist/**']
functions:
  hello: { handler: dist/hello.main }
  bye: { handler: dist/bye.main }
resources:
  Resources:
    Letters: { Type: AWS::SNS::Topic, Properties: { DisplayName: !Sub "letters-\${AWS::Region}" } }
`

describe('a serverless.yml whose functions are zips that were built', () => {
  const read = (text = serverlessYml) => readServerlessConfiguration(text, 'functions/serverless.yml')

  test('keeps what it says, tags of CloudFormation too, and takes one zip for all', () => {
    const text = read().withZips(['.p/letters.zip'])
    assert.match(text, /!Sub/)
    assert.deepEqual(parse(text, { logLevel: 'silent' }).package, {
      patterns: ['!**', 'dist/**'],
      artifact: '.p/letters.zip',
    })
  })

  test('takes a zip for each function where they were packaged one by one', () => {
    const { functions } = parse(read().withZips(['.p/hello.zip', '.p/bye.zip']), { logLevel: 'silent' })
    assert.deepEqual(functions.hello, { handler: 'dist/hello.main', package: { artifact: '.p/hello.zip' } })
    assert.deepEqual(functions.bye.package, { artifact: '.p/bye.zip' })
  })

  test('is refused where nobody can tell whose a zip is, what its stack is called, or what it says', () => {
    assert.throws(() => read().withZips(['a.zip', 'b.zip']), { code: 'SERVERLESS_ZIPS' })
    assert.throws(() => read(`service: \${env:NAME}\n`).stackAt('prod'), { code: 'SERVERLESS_CONFIG' })
    assert.throws(() => readServerlessConfiguration('module.exports = {}', 'serverless.js'), {
      code: 'SERVERLESS_CONFIG',
    })
    assert.throws(() => read('a: [').stackAt('prod'), { code: 'SERVERLESS_CONFIG' })
  })

  test('has a stack for each stage', () => {
    assert.equal(read().stackAt('prod'), 'letters-prod')
    assert.equal(read(`service: a\nprovider: { stackName: "x-\${sls:stage}" }\n`).stackAt('prod'), 'x-prod')
  })
})

describe('services of the Serverless framework', { skip: awsMissing() || oslsMissing() }, () => {
  let part: AwsPart
  let faults: AwsFaults
  let lambda: LambdaUnderTest
  let folder: string

  before(async () => {
    part = await startAws()
    faults = await startFaults(part)
    lambda = await openLambda(part, faults)
    folder = await mkdtemp(join(tmpdir(), 'trunkline-serverless-'))
    await part.wish('cloudformation', { at_once: true, events_move: true })
  })
  after(async () => {
    await lambda?.close()
    await faults?.stop()
    await part?.stop()
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  })

  /** As the builder does it: the commit's files, those laid over them, and what `prepare` installs. */
  async function inCheckout({ run, files, env }: CheckoutWork): Promise<Verdict> {
    const directory = await mkdtemp(join(folder, 'checkout-'))
    await layDown(directory, { 'functions/serverless.yml': Buffer.from('service: of-the-commit\n') })
    await layDown(directory, Object.fromEntries(files))
    await symlink(join(oslsFolder(), 'node_modules'), join(directory, 'node_modules'))
    try {
      const environment = { PATH: process.env['PATH'], HOME: directory, SLS_AWS_MONITORING_FREQUENCY: '100', ...env }
      await execute('/bin/sh', ['-c', run], { cwd: directory, env: environment, timeout: commandTimeoutMs })
      return { ok: true }
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
      return { ok: false, reasons: [{ code: 'command-failed', message: `${stdout}\n${stderr}` }] }
    }
  }

  /** What the service's build leaves: the framework's package, of which the zips alone are kept. */
  async function built(): Promise<Digest> {
    const directory = join(folder, 'build')
    await layDown(directory, {
      'functions/serverless.yml': Buffer.from(serverlessYml),
      'functions/dist/hello.js': Buffer.from('exports.main = async () => process.env.GREETING'),
      'functions/dist/bye.js': Buffer.from('exports.main = async () => "bye"'),
    })
    const osls = join(oslsFolder(), 'node_modules/.bin/osls')
    const env = { PATH: process.env['PATH'], HOME: folder, GREETING: 'any', CI: 'true', SLS_TELEMETRY_DISABLED: '1' }
    const words = ['package', '--stage', 'build', '--region', 'eu-west-1', '--package', '.package']
    await execute(osls, words, { cwd: join(directory, 'functions'), env, timeout: commandTimeoutMs })
    const request = { directory, include: ['functions/.package/*.zip'], exclude: [] }
    const artifact = await packBundle({ ...request, scratchDirectory: join(folder, 'scratch') })
    await lambda.artifacts.put(artifact, inTime())
    return artifact.digest
  }

  const run: ServerlessRun = {
    ...{ kind: 'serverless', port: null, health: null, config: 'functions/serverless.yml', files: [] },
    ...{ stage: '{environment}', command: 'npx --no-install osls', timeoutMs: commandTimeoutMs },
  }
  const requestFor = (artifact: Digest, greeting: string): RolloutRequest => ({
    service: 'letters',
    variables: { GREETING: greeting },
    strategy: 'all-at-once',
    files: async () => new Map([['functions/serverless.yml', Buffer.from(serverlessYml)]]),
    desired: { artifact, generation: 'g1', fingerprint: null, env: {}, run },
  })

  test('are packaged once, and the same bytes reach every stage, each with its own variables', async () => {
    const artifact = await built()
    const deployed: Record<string, { code: string | undefined; variables: unknown }> = {}
    for (const environment of ['stage', 'prod']) {
      const target = lambda.open({ environment })
      const request = requestFor(artifact, `hello ${environment}`)
      const context = lambda.context({ inCheckout, signal: AbortSignal.timeout(commandTimeoutMs) })
      assert.deepEqual(await target.ensure(request, context), { ok: true })
      assert.deepEqual(await target.verify(request, context), { ok: true })
      const { generation, instances } = await seen(target, 'letters')
      assert.deepEqual([generation, instances], ['g1', { ready: 1, desired: 1 }])
      const command = new GetFunctionConfigurationCommand({ FunctionName: `letters-${environment}-hello` })
      const live = await lambda.aws.send(lambda.aws.client(LambdaClient), command, { signal: inTime() })
      deployed[environment] = { code: live.CodeSha256, variables: live.Environment?.Variables }
      const idle = lambda.context({ inCheckout: async () => assert.fail('there is nothing to do') })
      assert.deepEqual(await target.ensure(request, idle), { ok: true })
    }
    const zip = await readFile(join(folder, 'build/functions/.package/letters.zip'))
    const code = createHash('sha256').update(zip).digest('base64')
    assert.deepEqual(deployed, {
      stage: { code, variables: { STAGE: 'stage', GREETING: 'hello stage' } },
      prod: { code, variables: { STAGE: 'prod', GREETING: 'hello prod' } },
    })
  })
})

async function layDown(directory: string, files: Record<string, Uint8Array>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(directory, path)), { recursive: true })
    await writeFile(join(directory, path), content)
  }
}
