/** The command line over a registry and the emulator of AWS: an image is built once, and ECS runs it by digest. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awsMissing, startAws } from '../../parts/aws/aws.ts'
import { startFaults } from '../../parts/aws/faults.ts'
import { registryMissing, startRegistry } from '../../parts/registry.ts'
import { openProject } from '../../system/project-under-test.ts'
import { openEcs } from './ecs-under-test.ts'

const configuration = (endpoint: string, registry: string) => `project: shop
artifacts: oci+http://${registry}/shop
aws: { region: eu-west-1, account: "123456789012", endpoint: "${endpoint}" }
services:
  web:
    path: web
    artifact: { image: { base: scratch, entrypoint: [/main], to: /, include: [main] } }
    run: { container: { port: 8080 }, ecs: { taskDefinition: "deploy/{environment}.json" } }
    env: { COLOUR: red }
environments:
  prod:
    on: { branch: main }
    target: { ecs: { cluster: shop } }
    onFailure: []
`

const taskDefinition = (cpu: string) =>
  JSON.stringify({
    ...{ cpu, memory: '1024', networkMode: 'awsvpc', requiresCompatibilities: ['FARGATE'] },
    containerDefinitions: [{ name: 'web', image: 'web' }],
  })

test('an image is built once and run by digest, and its task definition rolls out without a build', {
  skip: awsMissing() || registryMissing(),
}, async (t) => {
  const aws = await startAws()
  const faults = await startFaults(aws)
  const registry = await startRegistry()
  const ecs = await openEcs(aws, faults)
  t.after(async () => {
    await ecs.close()
    await registry.stop()
    await faults.stop()
    await aws.stop()
  })
  await ecs.makeService()
  await using project = await openProject({
    files: {
      'trunkline.yaml': configuration(aws.endpoint, registry.host),
      'web/main': 'one',
      'deploy/prod.json': taskDefinition('256'),
    },
    environment: aws.environment,
  })
  const delivered = await project.trunkline(['deliver', '--ref', 'main'])
  assert.equal(delivered.exitCode, 0, delivered.stdout + delivered.stderr)
  const first = (await ecs.definition('shop-prod-web:1')).taskDefinition
  const [container] = first?.containerDefinitions ?? []
  assert.match(container?.image ?? '', /\/shop@sha256:[0-9a-f]{64}$/)
  assert.deepEqual(container?.environment, [{ name: 'COLOUR', value: 'red' }])
  assert.equal((await project.json(0, ['deliver', '--ref', 'main'])).outcome, 'nothing')

  await project.push('larger', { 'deploy/prod.json': taskDefinition('512') })
  const second = await project.trunkline(['deliver', '--ref', 'main'])
  assert.equal(second.exitCode, 0, second.stdout + second.stderr)
  const { taskDefinition: larger } = await ecs.definition('shop-prod-web:2')
  assert.deepEqual([larger?.cpu, larger?.containerDefinitions?.[0]?.image], ['512', container?.image])
  assert.equal(await ecs.runs(), 'shop-prod-web:2')
})
