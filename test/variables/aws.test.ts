import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm'
import { openAws } from '../../src/aws/index.ts'
import { systemClock } from '../../src/clock/index.ts'
import type { TrunklineError } from '../../src/model/index.ts'
import { variableName } from '../../src/variables/aws/variable-name.ts'
import { createVariableSource } from '../../src/variables/index.ts'
import { type AwsPart, awsMissing, startAws } from '../parts/aws/aws.ts'
import { type AwsFaults, startFaults } from '../parts/aws/faults.ts'

test('names that AWS keeps are written as variables are', () => {
  const names = {
    REDIS_URL: 'REDIS_URL',
    'redis/url': 'REDIS_URL',
    'redis-url.v2': 'REDIS_URL_V2',
    greeting: 'GREETING',
    httpProxy: 'httpProxy',
  }
  for (const [said, name] of Object.entries(names)) assert.equal(variableName(said), name)
  assert.equal(variableName('1st'), null)
})

describe('variables kept in AWS', { skip: awsMissing() }, () => {
  const inTime = () => AbortSignal.timeout(60_000)
  let part: AwsPart
  let faults: AwsFaults

  before(async () => {
    part = await startAws()
    faults = await startFaults(part)
  })
  afterEach(async () => {
    faults.clear()
    await part.reset()
  })
  after(async () => {
    await faults?.stop()
    await part?.stop()
  })

  const open = () => openAws(faults.access, { variables: faults.environment, clock: systemClock })

  async function parameters(values: Record<string, string>, Type: 'String' | 'SecureString' = 'SecureString') {
    const aws = open()
    for (const [Name, Value] of Object.entries(values)) {
      await aws.send(aws.client(SSMClient), new PutParameterCommand({ Name, Value, Type }), { signal: inTime() })
    }
    await aws.close()
  }

  async function secret(Name: string, content: { SecretString: string } | { SecretBinary: Uint8Array }) {
    const aws = open()
    const command = new CreateSecretCommand({ Name, ...content })
    await aws.send(aws.client(SecretsManagerClient), command, { signal: inTime() })
    await aws.close()
  }

  type Config = { ssm?: string[]; secretsManager?: string[]; prefix?: string }
  async function read({ prefix, ssm = [], secretsManager = [] }: Config, environment: Record<string, string> = {}) {
    const source = createVariableSource({ environment, root: '/', openAws: async () => open() })
    const aws = { access: faults.access, ssm, secretsManager }
    return Object.fromEntries(await source.read({ prefix: prefix ?? null, dotenv: [], aws }, inTime()))
  }

  const fails = (config: Config): Promise<TrunklineError> =>
    read(config).then(
      () => assert.fail('it succeeded'),
      (error: TrunklineError) => error,
    )

  test('are parameters below a path, decrypted, over many pages', async () => {
    const many = Object.fromEntries(Array.from({ length: 23 }, (_, index) => [`/shop/stage/KEY_${index}`, `v${index}`]))
    await parameters({ ...many, '/shop/stage/redis/url': 'redis://stage', '/shop/stagehand/OTHER': 'no' })
    const found = await read({ ssm: ['/shop/stage'] })
    assert.equal(Object.keys(found).length, 24)
    assert.equal(found['REDIS_URL'], 'redis://stage')
    assert.equal(found['KEY_22'], 'v22')
    assert.deepEqual(await read({ ssm: ['/shop/stage/'] }), found)
    assert.ok(faults.calls('ssm:GetParametersByPath').length >= 6)
  })

  test('are secrets: a JSON object gives a variable for each key, other text one', async () => {
    await secret('shop/stage', { SecretString: '{"DB_PASSWORD":"geheim","port":5432,"db-tls":true}' })
    await secret('shop/stage/api-token', { SecretString: 'plain text' })
    assert.deepEqual(await read({ secretsManager: ['shop/stage', 'shop/stage/api-token'] }), {
      DB_PASSWORD: 'geheim',
      PORT: '5432',
      DB_TLS: 'true',
      API_TOKEN: 'plain text',
    })
  })

  test('win in their order: parameters, secrets, what has the prefix', async () => {
    await parameters({ '/base/A': 'base', '/base/B': 'base', '/base/C': 'base', '/base/D': 'base' })
    await parameters({ '/stage/B': 'stage', '/stage/C': 'stage', '/stage/D': 'stage' }, 'String')
    await secret('stage', { SecretString: '{"C":"secret","D":"secret"}' })
    const config = { ssm: ['/base', '/stage'], secretsManager: ['stage'], prefix: 'STAGE_' }
    assert.deepEqual(await read(config, { STAGE_D: 'ci' }), { A: 'base', B: 'stage', C: 'secret', D: 'ci' })
  })

  test('that are not there are named', async () => {
    const none = await fails({ ssm: ['/shop/none'] })
    assert.equal(none.code, 'NO_PARAMETERS')
    assert.match(none.message, /nothing among the parameters below \/shop\/none\/ \(eu-west-1\)/)
    const missing = await fails({ secretsManager: ['none'] })
    assert.equal(missing.code, 'SECRET_MISSING')
    assert.match(missing.message, /the secret none \(eu-west-1\) does not exist/)
  })

  test('that cannot be variables are named, and no value is shown', async () => {
    await parameters({ '/twice/redis-url': 'geheim', '/twice/redis/url': 'geheim', '/digit/1st': 'geheim' })
    await secret('deep', { SecretString: '{"DB":{"password":"geheim"}}' })
    await secret('binary', { SecretBinary: Buffer.from('geheim') })
    const wrong: [Config, RegExp][] = [
      [{ ssm: ['/twice'] }, /"redis-url" and "redis\/url" in the parameters below \/twice\/ .* are both REDIS_URL/],
      [{ ssm: ['/digit'] }, /"1st" in the parameters below \/digit\/ .* cannot be the name of a variable/],
      [{ secretsManager: ['deep'] }, /"DB" of the secret deep .* is neither text, number nor truth value/],
      [{ secretsManager: ['binary'] }, /the secret binary .* is binary/],
    ]
    for (const [config, message] of wrong) {
      const error = await fails(config)
      assert.match(error.message, message)
      assert.equal(error.kind, 'usage')
      assert.doesNotMatch(`${error.message} ${error.hint}`, /geheim/)
    }
  })

  test('that may not be read name the permission', async () => {
    faults.fault(/^ssm:/, { kind: 'denied', permission: 'ssm:GetParametersByPath' })
    assert.match((await fails({ ssm: ['/shop'] })).message, /lacks the permission ssm:GetParametersByPath/)
  })
})
