/**
 * One delivery to machines, containers and a site, by a process that is killed right after AWS has carried out one of
 * its calls. Another process converges: each platform has one deployment of it, and nothing is yanked.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StatusDocument } from '../../src/reporting/index.ts'
import { awsMissing, startAws } from '../parts/aws/aws.ts'
import { startFaults } from '../parts/aws/faults.ts'
import { registryMissing, startRegistry } from '../parts/registry.ts'
import { openProject } from '../system/project-under-test.ts'
import { openCodeDeploy } from './codedeploy/codedeploy-under-test.ts'
import { openEcs } from './ecs/ecs-under-test.ts'
import { openSite } from './site/site-under-test.ts'

type Places = { endpoint: string; registry: string; revisions: string; site: string; distribution: string }

const configuration = ({ endpoint, registry, revisions, site, distribution }: Places) => `project: shop
artifacts: oci+http://${registry}/shop
aws: { region: eu-west-1, account: "123456789012", endpoint: "${endpoint}" }
services:
  machine:
    path: machine
    artifact: { bundle: { from: machine } }
    run: { appspec: appspec.yml }
    target: machines
  api:
    path: api
    artifact: { image: { base: scratch, entrypoint: [/main], to: /, include: [main] } }
    run: { container: { port: 8080 } }
    target: containers
  web:
    path: web
    artifact: { bundle: { from: web } }
    run: { site: {} }
    target: pages
environments:
  prod:
    on: { branch: main }
    targets:
      machines: { codedeploy: { application: shop-web, deploymentGroup: prod, bucket: ${revisions}, downtime: accepted } }
      containers: { ecs: { cluster: shop, service: shop-prod-web } }
      pages: { site: { bucket: ${site}, distribution: ${distribution} } }
    onFailure: [rollback, yank]
`

const files = (version: string) => ({
  'machine/page.txt': version,
  'api/main': version,
  'web/index.html': version,
  [`web/${version}.html`]: version,
})

test('a process that is killed after a call is followed by one that ends its delivery, once on each platform', {
  skip: awsMissing() || registryMissing(),
}, async (t) => {
  const aws = await startAws()
  const faults = await startFaults(aws)
  const registry = await startRegistry()
  const [machines, containers, pages] = await Promise.all([
    openCodeDeploy(aws, faults),
    openEcs(aws, faults),
    openSite(aws, faults),
  ])
  t.after(async () => {
    for (const each of [machines, containers, pages]) await each.close()
    await registry.stop()
    await faults.stop()
    await aws.stop()
  })
  await aws.wish('codedeploy', { at_once: true })
  await aws.wish('ecs', { strides: 20 })
  await machines.makeGroup({})
  await containers.makeService()
  const places: Places = {
    ...{ endpoint: faults.endpoint, registry: registry.host, revisions: machines.bucket },
    ...{ site: pages.bucket, distribution: pages.distribution },
  }
  await using project = await openProject({
    files: {
      'trunkline.yaml': configuration(places),
      'machine/appspec.yml': 'version: 0.0\nos: linux\n',
      ...files('v0'),
    },
    environment: faults.environment,
  })
  assert.equal((await project.json(0, ['deliver', '--ref', 'main'])).outcome, 'succeeded')

  const moments = [/^s3:PutObject/, /^codedeploy:CreateDeployment/, /^ecs:UpdateService/, /^cloudfront:POST/]
  for (const [index, moment] of moments.entries()) {
    const version = `v${index + 1}`
    await project.push(version, files(version))
    const death = faults.death(moment, 0)
    const killed = project.start(['deliver', '--ref', 'main'])
    assert.equal(await death, true)
    killed.process.kill('SIGKILL')
    await killed.ended
    faults.clear()

    const next = await project.trunkline(['deliver', '--ref', 'main'])
    assert.equal(next.exitCode, 0, `after ${moment}: ${next.stdout}${next.stderr}`)
    assert.equal((await machines.deployments()).length, index + 2, `machines after ${moment}`)
    assert.equal((await containers.updates()).length, index + 2, `containers after ${moment}`)
    assert.equal((await pages.invalidations()).length, index + 2, `pages after ${moment}`)
    const shown = await pages.shown()
    assert.deepEqual([shown['index.html'], shown[`${version}.html`]], [version, version])
  }
  const { environments } = await project.json<StatusDocument>(0, ['status'])
  assert.deepEqual(
    environments.map(({ health, yanked, services }) => [health, yanked, services.length]),
    [['healthy', false, 3]],
  )
})
