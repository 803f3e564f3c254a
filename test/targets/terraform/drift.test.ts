/** What somebody changes past Terraform is told, field by field, and nothing is changed by looking. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startCloud, terraformAwsMissing } from '../../parts/terraform-aws/module.ts'
import { neverAborted, openModule } from './module-under-test.ts'

const module = {
  'main.tf': `terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}
variable "password" {
  type      = string
  sensitive = true
}
resource "aws_vpc" "this" {
  cidr_block = "10.0.0.0/16"
}
resource "aws_db_instance" "orders" {
  instance_class = "db.t4g.micro"
  username       = "shop"
  password       = var.password
}
`,
}

test('what was changed by hand is told with what it was and what it is, secrets without either', {
  skip: terraformAwsMissing(),
  timeout: 300_000,
}, async () => {
  await using running = await startCloud(Object.values(module))
  await using shop = await openModule({}, null, null, running.environment)
  const { cloud } = running
  const request = await shop.request('data', module, { variables: { password: 'hunter2-hunter2' } })
  assert.deepEqual(await shop.deploy(request), { ok: true })
  const look = async () =>
    await shop.target.findDriftOf?.([request], { signal: neverAborted, artifacts: shop.context().artifacts })
  assert.deepEqual(await look(), [])

  const keyOf = (type: string) => [...cloud.resources.keys()].find((key) => key.startsWith(`${type}/`)) ?? ''
  const [database, network] = [keyOf('aws_db_instance'), keyOf('aws_vpc')]
  const before = cloud.calls.length
  const byHand = { instance_class: 'db.m7g.large', password: 'somebody-elses' }
  cloud.resources.set(database, { ...cloud.resources.get(database), ...byHand })
  cloud.resources.delete(network)
  const drift = (await look()) ?? []
  assert.deepEqual(
    drift.map(({ subject, fields }) => [subject, fields.map(({ path }) => path)]),
    [
      ['aws_db_instance.orders', ['instance_class', 'password']],
      ['aws_vpc.this', []],
    ],
  )
  const [resized, password] = drift[0]?.fields ?? []
  assert.deepEqual([resized?.expected, resized?.actual], ['db.t4g.micro', 'db.m7g.large'])
  assert.deepEqual([password?.expected, password?.actual], ['(secret)', '(secret)'])
  assert.doesNotMatch(JSON.stringify(drift), /hunter2|somebody-elses/)
  assert.equal(cloud.calls.length, before, 'nothing is changed')
  assert.deepEqual(await look(), drift, 'nor is the state')
})
