/** The command line over a registry and the emulator of AWS: blue-green is checked, verified aside, and taken back. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { awsMissing, startAws } from '../../parts/aws/aws.ts'
import { startFaults } from '../../parts/aws/faults.ts'
import { registryMissing, startRegistry } from '../../parts/registry.ts'
import { openProject } from '../../system/project-under-test.ts'
import { dividing, openEcs } from './ecs-under-test.ts'

type Surroundings = { endpoint: string; registry: string; url: string; previewUrl: string }

const configuration = ({ endpoint, registry, url, previewUrl }: Surroundings, rollout: string) => `project: shop
artifacts: oci+http://${registry}/shop
aws: { region: eu-west-1, account: "123456789012", endpoint: "${endpoint}" }
services:
  web:
    path: web
    artifact: { image: { base: scratch, entrypoint: [/main], to: /, include: [main] } }
    run: { container: { port: 8080 } }
environments:
  prod:
    on: { branch: main }
    target: { ecs: { cluster: shop, url: "${url}", previewUrl: "${previewUrl}" } }
    rollout: ${rollout}
    verify: [{ name: answers, service: web, http: /healthz, timeout: 2s }]
    onFailure: []
`

/** A listener of the load balancer. */
async function startListener() {
  const listener = { status: 200, asked: 0 }
  const server = createServer((_, response) => {
    listener.asked += 1
    response.writeHead(listener.status).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const stop = () => new Promise((resolve) => server.close(resolve))
  return Object.assign(listener, { url: `http://127.0.0.1:${port}`, stop })
}

test('blue-green is refused without a second target group, verified aside, and taken back where that fails', {
  skip: awsMissing() || registryMissing(),
}, async (t) => {
  const aws = await startAws()
  const faults = await startFaults(aws)
  const registry = await startRegistry()
  const [people, preview] = [await startListener(), await startListener()]
  const ecs = await openEcs(aws, faults)
  t.after(async () => {
    await ecs.close()
    await people.stop()
    await preview.stop()
    await registry.stop()
    await faults.stop()
    await aws.stop()
  })
  await aws.wish('ecs', { strides: 20 })
  const { advancedConfiguration, ...one } = dividing
  await ecs.makeService({ loadBalancers: [one] })
  const surroundings = { endpoint: aws.endpoint, registry: registry.host, url: people.url, previewUrl: preview.url }
  const blueGreen = '{ blue-green: { keep: 0 } }'
  await using project = await openProject({
    files: { 'trunkline.yaml': configuration(surroundings, blueGreen), 'web/main': 'one' },
    environment: aws.environment,
  })
  const refused = await project.trunkline(['deliver', '--ref', 'main'])
  assert.equal(refused.exitCode, 3, refused.stdout + refused.stderr)
  assert.match(
    refused.stderr,
    /web in prod: the load balancer of the service shop-prod-web .* has no second target group/,
  )
  assert.deepEqual(await ecs.updates(), [])

  await ecs.balance([dividing])
  const delivered = await project.trunkline(['deliver', '--ref', 'main'], { environment: { TRUNKLINE_VERBOSE: '1' } })
  assert.equal(delivered.exitCode, 0, delivered.stdout + delivered.stderr)
  assert.match(delivered.stderr, /POST_PRODUCTION_TRAFFIC_SHIFT: all requests go to the new tasks/)
  assert.deepEqual([preview.asked, people.asked], [1, 2])
  assert.equal((await project.json(0, ['deliver', '--ref', 'main'])).outcome, 'nothing')

  preview.status = 500
  await project.push('break', { 'web/main': 'two' })
  const failed = await project.trunkline(['deliver', '--ref', 'main'])
  assert.equal(failed.exitCode, 1, failed.stdout + failed.stderr)
  assert.match(failed.stderr, /answers failed on the new instances of web, before they got any request/)
  assert.match(failed.stderr, /was stopped; what ran before runs again/)
  assert.deepEqual((await ecs.went()).at(-1), 'stop shop-prod-web:2')
  assert.equal(await ecs.runs(), 'shop-prod-web:1')
})
