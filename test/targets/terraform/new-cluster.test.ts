/** A cluster of EKS that infrastructure makes in the same delivery as the services on it: missing is not unreachable. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CreateClusterCommand, EKSClient } from '@aws-sdk/client-eks'
import { openAws } from '../../../src/aws/index.ts'
import { systemClock } from '../../../src/clock/index.ts'
import type { DeliveryResult } from '../../../src/delivery/index.ts'
import type { Plan } from '../../../src/model/index.ts'
import { awsMissing, startAws } from '../../parts/aws/aws.ts'
import { registryMissing, startRegistry } from '../../parts/registry.ts'
import { withTerraform } from '../../parts/terraform.ts'
import { startCloud, terraformAwsMissing } from '../../parts/terraform-aws/module.ts'
import { openProject } from '../../system/project-under-test.ts'

const platform = `terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}
resource "aws_eks_cluster" "this" {
  name     = "shop-stage"
  role_arn = "arn:aws:iam::123456789012:role/cluster"
  vpc_config {
    subnet_ids = ["subnet-1", "subnet-2"]
  }
}
output "cluster_name" {
  value = aws_eks_cluster.this.name
}
`

const configuration = (registry: string, endpoint: string, env: string) => `project: shop
artifacts: oci://${registry}/shop
services:
  platform:
    path: platform
    infer: false
    artifact: { bundle: { include: ["**"] } }
    run: { terraform: {} }
    target: platform
  teller:
    path: teller
    infer: false
    artifact: { image: { base: scratch, entrypoint: [/teller] } }
    run: { container: { port: 8080 } }
${env}    target: cluster
environments:
  stage:
    on: { branch: main }
    aws: { region: eu-west-1, endpoint: "${endpoint}" }
    targets:
      platform: { terraform: { backend: { local: { path: "states/{environment}-{service}.tfstate" } } } }
      cluster: { kubernetes: { eks: shop-stage } }
`
const onThePlatform = '    env: { CLUSTER: { from: platform.cluster_name } }\n'

test('a cluster that is missing keeps only those waiting that take nothing of who makes it', {
  skip: terraformAwsMissing() || awsMissing() || registryMissing(),
  timeout: 300_000,
}, async (t) => {
  const [part, registry] = await Promise.all([startAws(), startRegistry()])
  t.after(() => Promise.all([part.stop(), registry.stop()]))
  await using running = await startCloud([platform])
  const aws = openAws(part.access, { variables: part.environment, clock: systemClock })
  t.after(() => aws.close())
  running.cloud.before = async ({ type, action }) => {
    if (type !== 'aws_eks_cluster' || action !== 'create') return
    const resourcesVpcConfig = { subnetIds: ['subnet-1'] }
    const make = new CreateClusterCommand({
      name: 'shop-stage',
      roleArn: 'arn:aws:iam::123456789012:role/cluster',
      resourcesVpcConfig,
    })
    await aws.send(aws.client(EKSClient), make, { signal: AbortSignal.timeout(60_000) })
    // There is a cluster from now on, and nobody answers there.
    await part.wish('eks', { endpoint: 'https://127.0.0.1:9', certificate_authority: 'LS0tCg==' })
  }
  await using shop = await openProject({
    files: {
      'trunkline.yaml': configuration(registry.host, part.endpoint, ''),
      'platform/main.tf': platform,
      'teller/teller': 'It is never run.\n',
    },
    environment: { ...part.environment, ...running.environment, PATH: withTerraform()['PATH'] ?? '' },
  })

  const misnamed = await shop.json<DeliveryResult>(4, ['deliver'])
  assert.match(JSON.stringify(misnamed.environments[0]?.reasons), /there is no cluster shop-stage of EKS/)
  assert.deepEqual(running.cloud.calls, [], 'nothing was begun')

  await shop.push('after the platform', {
    'trunkline.yaml': configuration(registry.host, part.endpoint, onThePlatform),
  })
  const [stage] = (await shop.json<Plan>(0, ['plan'])).environments
  assert.deepEqual(
    stage?.services.map(({ name, action }) => `${action} ${name}`),
    ['deploy platform', 'deploy teller'],
  )

  // The cluster is there when the turn of the other service comes: now it is the cluster that does not answer.
  const delivered = await shop.json<DeliveryResult>(4, ['deliver'])
  assert.deepEqual(
    running.cloud.calls.map(({ action, type }) => `${action} ${type}`),
    ['create aws_eks_cluster'],
  )
  assert.match(JSON.stringify(delivered.environments[0]?.reasons), /the cluster shop-stage .* cannot be reached/)
})
