/** The command line over the emulator of AWS: infrastructure and an application in one delivery, approved as previewed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CloudFormationClient, UpdateStackCommand } from '@aws-sdk/client-cloudformation'
import { awsMissing, startAws } from '../../parts/aws/aws.ts'
import { openProject } from '../../system/project-under-test.ts'
import { clientOf, template } from './stacks-under-test.ts'

const configuration = (endpoint: string) => `project: shop
aws: { region: eu-west-1, account: "123456789012", endpoint: "${endpoint}" }
services:
  data:
    inputs: [infra/**]
    artifact: { bundle: { include: [infra/**] } }
    run: { cloudformation: { template: infra/data.yaml } }
    target: infra
  web:
    path: web
    run: { command: node main.js, port: PORT }
    env: { TABLE: { from: data.TableName } }
    target: apps
environments:
  stage:
    on: { branch: main }
    targets: { infra: { cloudformation: {} }, apps: { fleet: { replicas: 1 } } }
    onFailure: []
`

const web = `require('node:http').createServer((_, response) => response.end(process.env.TABLE)).listen(process.env.PORT, '127.0.0.1')`

test('a stack and what uses it come in one delivery; losing data waits for approval of just that', {
  skip: awsMissing(),
}, async (t) => {
  const aws = await startAws()
  t.after(() => aws.stop())
  await aws.wish('cloudformation', { at_once: true })
  await using project = await openProject({
    files: {
      'trunkline.yaml': configuration(aws.endpoint),
      'infra/data.yaml': template({ keep: false }),
      'web/main.js': web,
    },
    environment: aws.environment,
  })
  const planned = await project.trunkline(['plan'])
  assert.equal(planned.exitCode, 0, planned.stderr)
  const table = async () => await (await fetch(await project.address('stage', 'web'))).text()
  assert.equal((await project.json(0, ['deliver', '--ref', 'main'])).outcome, 'succeeded')
  assert.equal(await table(), 'orders')
  assert.equal((await project.json(0, ['deliver', '--ref', 'main'])).outcome, 'nothing')

  // Another name replaces the table: nobody's policy lets that pass unseen.
  await project.push('rename', { 'infra/data.yaml': template({ table: 'orders-v2' }) })
  const waiting = await project.json(0, ['deliver', '--ref', 'main'])
  assert.equal(waiting.outcome, 'waiting')
  const text = await project.trunkline(['plan', '--ref', 'main'])
  assert.match(
    text.stdout,
    /replace +AWS::DynamoDB::Table Orders +TableName: orders (?:→|->) orders-v2 \(replaces it\), its data is lost/,
  )
  assert.equal(await table(), 'orders')

  // The world moves: what was approved is no longer what would be done.
  const cloudformation = clientOf(CloudFormationClient, aws)
  await cloudformation.send(
    new UpdateStackCommand({ StackName: 'shop-stage-data', TemplateBody: template({ delay: '6' }) }),
  )
  const voided = await project.trunkline(['approve', 'stage'])
  assert.equal(voided.exitCode, 0)
  assert.match(voided.stderr, /the approval by .* was for plan .*; since then moved: previews/)
  assert.equal(await table(), 'orders')
  const approved = await project.trunkline(['approve', 'stage'])
  assert.equal(approved.exitCode, 0, approved.stderr)
  assert.equal(await table(), 'orders-v2')
})
