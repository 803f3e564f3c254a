/** Infrastructure and an application in one delivery, by the command line, with a real Terraform and a real fleet. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeliveryResult } from '../../../src/delivery/index.ts'
import type { Plan } from '../../../src/model/index.ts'
import { terraformMissing, withTerraform } from '../../parts/terraform.ts'
import { openProject } from '../../system/project-under-test.ts'

const database = (engine: string, size: string) => `resource "terraform_data" "orders" {
  input            = "${size}"
  triggers_replace = "${engine}"
}
output "url" { value = "db://${engine}/\${terraform_data.orders.output}" }
`

const configuration = `project: shop
services:
  database:
    path: infra
    infer: false
    artifact: { bundle: { include: ["**"] } }
    run: { terraform: { stateful: [terraform_data] } }
    target: infra
  teller:
    path: teller
    infer: false
    run: { command: node main.js, port: PORT, drainTimeout: 1s }
    env: { DATABASE_URL: { from: database.url } }
    target: apps
environments:
  stage:
    on: { branch: main }
    targets:
      infra: { terraform: { backend: { local: { path: "states/{environment}-{service}.tfstate" } } } }
      apps: { fleet: { hosts: [local] } }
`

const teller = `require('node:http').createServer((request, response) => response.end(process.env.DATABASE_URL))
  .listen(Number(process.env.PORT), '127.0.0.1')
process.on('SIGTERM', () => process.exit(0))
`

test('infrastructure travels with what uses it, and what would lose data waits for somebody', {
  skip: terraformMissing(),
  timeout: 300_000,
}, async () => {
  await using shop = await openProject({
    files: {
      'trunkline.yaml': configuration,
      'infra/main.tf': database('one', 'small'),
      'teller/main.js': teller,
    },
    environment: { PATH: withTerraform()['PATH'] ?? '' },
  })
  const told = async () => await (await fetch(await shop.address('stage', 'teller'))).text()
  const planned = async () => {
    const { environments } = await shop.json<Plan>(0, ['plan'])
    assert.ok(!environments[0]?.reasons.some(({ code }) => code === 'target-unreachable'))
    return environments[0]?.services.find(({ name }) => name === 'database')
  }

  const [first] = (await shop.json(0, ['deliver'])).environments
  assert.equal(first?.outcome, 'succeeded')
  assert.equal(await told(), 'db://one/small')
  assert.equal((await shop.json(0, ['deliver'])).outcome, 'nothing')

  await shop.push('a larger database', { 'infra/main.tf': database('one', 'large') })
  assert.equal((await planned())?.action, 'deploy')
  assert.equal((await shop.json(0, ['deliver'])).outcome, 'succeeded')
  assert.equal(await told(), 'db://one/large')

  await shop.push('another engine', { 'infra/main.tf': database('two', 'large') })
  const waits = await shop.json<DeliveryResult>(0, ['deliver'])
  assert.equal(waits.outcome, 'waiting')
  assert.ok(waits.environments[0]?.reasons.some(({ code }) => code === 'loses-data'))
  assert.deepEqual((await planned())?.preview?.changes[0], {
    ...{ action: 'replace', subject: 'terraform_data.orders', because: ['triggers_replace'], stateful: true },
  })
  assert.equal(await told(), 'db://one/large')
  await shop.json(0, ['approve', 'stage'])
  assert.equal((await shop.json(0, ['deliver'])).environments[0]?.outcome, 'nothing')
  assert.equal(await told(), 'db://two/large')
})
