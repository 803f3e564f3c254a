/** A delivery by the real command whose artifacts and variables are in AWS. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { CreateBucketCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm'
import { type Aws, openAws } from '../../src/aws/index.ts'
import { systemClock } from '../../src/clock/index.ts'
import { type AwsPart, awsMissing, startAws } from '../parts/aws/aws.ts'
import { openProject } from './project-under-test.ts'

const inTime = () => AbortSignal.timeout(60_000)

describe('a delivery with AWS', { skip: awsMissing() }, () => {
  let part: AwsPart
  let aws: Aws
  before(async () => {
    part = await startAws()
    aws = openAws(part.access, { variables: part.environment, clock: systemClock })
    const CreateBucketConfiguration = { LocationConstraint: 'eu-west-1' } as const
    const bucket = new CreateBucketCommand({ Bucket: 'artifacts', CreateBucketConfiguration })
    await aws.send(aws.client(S3Client), bucket, { signal: inTime() })
  })
  after(async () => {
    await aws?.close()
    await part?.stop()
  })

  const server = `require('node:http').createServer((_, answer) => answer.end(process.env.GREETING + ' ' + (process.env.TOKEN || '').length)).listen(process.env.PORT, '127.0.0.1')\n`
  const configuration = (account: string) => `project: shop
aws: { region: eu-west-1 }
artifacts: s3://artifacts/shop
services:
  web:
    path: web
    build: mkdir web/dist && cp web/main.js web/dist/
    artifact: { bundle: { include: ['dist/**'] } }
    env: { GREETING: { from: GREETING }, TOKEN: { from: TOKEN, secret: true } }
    run: { command: node dist/main.js, port: PORT, health: / }
environments:
  stage:
    on: { branch: main }
    aws: { account: "${account}" }
    variables: { ssm: /shop/stage/, secretsManager: shop/stage }
    target: { fleet: { hosts: [local], replicas: 1 } }
`

  test('builds into a bucket, runs from there, and gives what Systems Manager and Secrets Manager keep', async () => {
    const greeting = new PutParameterCommand({ Name: '/shop/stage/greeting', Value: 'hello', Type: 'String' })
    await aws.send(aws.client(SSMClient), greeting, { signal: inTime() })
    const secret = new CreateSecretCommand({ Name: 'shop/stage', SecretString: '{"TOKEN":"geheim-und-lang"}' })
    await aws.send(aws.client(SecretsManagerClient), secret, { signal: inTime() })

    const files = { 'trunkline.yaml': configuration(part.account), 'web/main.js': server }
    await using project = await openProject({ files })
    const environment = part.environment
    const delivered = await project.trunkline(['deliver'], { environment })
    assert.equal(delivered.exitCode, 0, `${delivered.stdout}${delivered.stderr}`)
    assert.doesNotMatch(`${delivered.stdout}${delivered.stderr}`, /geheim/)
    assert.equal(await (await fetch(await project.address('stage', 'web'))).text(), 'hello 15')

    const list = new ListObjectsV2Command({ Bucket: 'artifacts', Prefix: 'shop/blobs/' })
    const { Contents = [] } = await aws.send(aws.client(S3Client), list, { signal: inTime() })
    assert.ok(Contents.length >= 3, 'a layer, a configuration, a manifest')
    const again = await project.json(0, ['deliver'], { environment })
    assert.equal(again.outcome, 'nothing')

    const doctor = await project.trunkline(['doctor'], { environment })
    assert.match(doctor.stdout, /AWS is reached as .*: account 123456789012, as configured/)
  })
})
