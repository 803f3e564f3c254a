/**
 * The serverless half of trunk-based promotion, through the command line: functions are packaged once a commit; `stage`,
 * `demo` and `prod` get the same zips, by a push and by tags.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { GetFunctionConfigurationCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { openAws } from '../../../src/aws/index.ts'
import { systemClock } from '../../../src/clock/index.ts'
import type { StatusDocument } from '../../../src/reporting/index.ts'
import { awsMissing, startAws } from '../../parts/aws/aws.ts'
import { oslsFolder, oslsMissing } from '../../parts/aws/osls.ts'
import { esbuildInstalled, esbuildMissing } from '../../parts/esbuild.ts'
import { openProject } from '../../system/project-under-test.ts'
import { inTime, makeRole, role } from './lambda-under-test.ts'

const bucket = 'shared-serverless-artifacts'
const osls = join(oslsFolder(), 'node_modules/.bin/osls')

const configuration = (endpoint: string) => `project: shop
aws: { region: eu-west-1, account: "123456789012", endpoint: "${endpoint}" }
prepare: { run: "${esbuildInstalled()}", inputs: [package.json] }
services:
  carts:
    path: carts
    build: { esbuild: { entry: carts/index.ts } }
    run: { lambda: { handler: index.main, runtime: nodejs22.x, healthEvent: { ping: 1 } } }
    env: { GREETING: { from: GREETING, secret: true } }
  letters:
    path: letters
    build: cd letters && CI=true SLS_TELEMETRY_DISABLED=1 ${osls} package --stage build --package .package
    artifact: { bundle: { from: letters, include: [".package/*.zip"] } }
    run: { serverless: { config: letters/serverless.yml, command: ${osls} } }
    env: { GREETING: { from: GREETING, secret: true } }
environments:
  stage:
    on: { branch: main }
    target: &functions { lambda: { bucket: ${bucket}, role: "${role}" } }
    variables: { prefix: STAGE_ }
    hooks: { before: [{ name: migrate, service: carts, run: '{"task":"migrate"}' }] }
    onFailure: [rollback, yank]
  demo: { on: { tag: "rc-*" }, after: stage, target: *functions, variables: { prefix: DEMO_ } }
  prod:
    on: { tag: "v*" }
    after: stage
    target: *functions
    variables: { prefix: PROD_ }
    rollout: { canary: { every: 50, pause: 1s } }
`

/** In TypeScript, over two files. */
const cartsOf = (version: string) => ({
  'carts/index.ts': `import { answer, type Answer } from './answer.ts'
export const main = async (event: { fail?: boolean }): Promise<Answer> => answer('${version}', event)
`,
  'carts/answer.ts': `export type Answer = { version: string; greeting: string | undefined }
export function answer(version: string, event: { fail?: boolean }): Answer {
  if (event.fail) throw new Error(version)
  return { version, greeting: process.env['GREETING'] }
}
`,
})

const serverlessYml = `service: letters
provider:
  name: aws
  runtime: nodejs22.x
  region: eu-west-1
  versionFunctions: false
  environment: { GREETING: "\${env:GREETING, 'none'}" }
package: { patterns: ['!**', 'main.js'] }
functions: { write: { handler: main.main } }
`

test('functions are bundled and packaged once, and reach stage by a push, demo and prod by tags, with the same zips; and go back', {
  skip: awsMissing() || oslsMissing() || esbuildMissing(),
}, async (t) => {
  const part = await startAws()
  t.after(() => part.stop())
  const aws = openAws(part.access, { variables: part.environment, clock: systemClock })
  t.after(() => aws.close())
  const location = { LocationConstraint: 'eu-west-1' } as const
  const makeBucket = new CreateBucketCommand({ Bucket: bucket, CreateBucketConfiguration: location })
  await aws.send(aws.client(S3Client), makeBucket, { signal: inTime() })
  await makeRole(part)
  await part.wish('cloudformation', { at_once: true, events_move: true })
  await using project = await openProject({
    files: {
      'trunkline.yaml': configuration(part.endpoint),
      'package.json': '{ "private": true, "devDependencies": { "esbuild": "*" } }',
      ...cartsOf('1'),
      'letters/main.js': 'exports.main = async () => "a letter"',
      'letters/serverless.yml': serverlessYml,
    },
    environment: {
      ...part.environment,
      ...{ STAGE_GREETING: 'hello stage', DEMO_GREETING: 'hello demo', PROD_GREETING: 'hello prod' },
    },
  })
  const live = async (name: string, qualifier = '$LATEST') => {
    const command = new GetFunctionConfigurationCommand({ FunctionName: name, Qualifier: qualifier })
    const { CodeSha256, Environment } = await aws.send(aws.client(LambdaClient), command, { signal: inTime() })
    return { code: CodeSha256, greeting: Environment?.Variables?.['GREETING'] }
  }
  const promote = async (tag: string) => {
    await project.clone.tag(tag)
    await project.clone.push('origin', tag)
    return await project.json(0, ['deliver', '--ref', tag])
  }

  assert.equal((await project.json(0, ['deliver', '--ref', 'main'])).outcome, 'succeeded')
  assert.equal((await promote('rc-1')).outcome, 'succeeded')
  assert.equal((await promote('v1.0.0')).outcome, 'succeeded')
  const carts = await live('shop-stage-carts', 'live')
  const letters = await live('letters-stage-write')
  assert.deepEqual([carts.greeting, letters.greeting], ['hello stage', 'hello stage'])
  for (const environment of ['demo', 'prod']) {
    const greeting = `hello ${environment}`
    assert.deepEqual(await live(`shop-${environment}-carts`, 'live'), { ...carts, greeting })
    assert.deepEqual(await live(`letters-${environment}-write`), { ...letters, greeting })
  }
  const status = await project.json<StatusDocument>(0, ['status'])
  const artifacts = status.environments.map(({ services }) => services.map(({ artifact }) => artifact))
  assert.deepEqual(artifacts, [artifacts[0], artifacts[0], artifacts[0]])

  await project.push('two', cartsOf('2'))
  await project.json(0, ['deliver', '--ref', 'main'])
  assert.notEqual((await live('shop-stage-carts', 'live')).code, carts.code)
  await project.json(0, ['rollback', 'stage'])
  assert.deepEqual(await live('shop-stage-carts', 'live'), carts)
  assert.deepEqual(await live('letters-stage-write'), letters)
})
