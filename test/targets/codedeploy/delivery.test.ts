/** The command line over the emulator of AWS: a laptop rehearses with the scripts that production runs. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { awsMissing, startAws } from '../../parts/aws/aws.ts'
import { startFaults } from '../../parts/aws/faults.ts'
import { openProject } from '../../system/project-under-test.ts'
import { openCodeDeploy } from './codedeploy-under-test.ts'

const configuration = (endpoint: string, target: string) => `project: shop
aws: { region: eu-west-1, account: "123456789012", endpoint: "${endpoint}" }
services:
  web:
    path: web
    artifact: { bundle: { from: web } }
    run: { appspec: appspec.yml }
environments:
  rehearsal:
    on: { branch: main }
    target: { fleet: { hosts: [local] } }
    onFailure: []
  prod:
    on: { branch: main }
    after: [rehearsal]
    target: { codedeploy: { ${target} } }
    onFailure: []
`

const appspec = (to: string) => `version: 0.0
os: linux
files: [{ source: page.txt, destination: ${to} }]
file_exists_behavior: OVERWRITE
hooks:
  ValidateService: [{ location: scripts/validate.sh, timeout: 30 }]
`

test('a bundle is rehearsed on the laptop and deployed to virtual machines; without a load balancer that is said first', {
  skip: awsMissing(),
}, async (t) => {
  const aws = await startAws()
  const faults = await startFaults(aws)
  const fleet = await openCodeDeploy(aws, faults)
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'trunkline-rehearsal-')))
  t.after(async () => {
    await fleet.close()
    await faults.stop()
    await aws.stop()
    await rm(folder, { recursive: true, force: true })
  })
  await aws.wish('codedeploy', { at_once: true })
  await fleet.makeGroup({})
  const target = `application: "{project}-{service}", bucket: ${fleet.bucket}`
  await using project = await openProject({
    files: {
      'trunkline.yaml': configuration(aws.endpoint, target),
      'web/appspec.yml': appspec(folder),
      'web/page.txt': 'one\n',
      'web/scripts/validate.sh': {
        content: '#!/bin/sh\necho "$DEPLOYMENT_GROUP_NAME is well"\n',
        executable: true,
      },
    },
    environment: aws.environment,
  })
  const refused = await project.trunkline(['deliver', '--ref', 'main'])
  assert.equal(refused.exitCode, 3, refused.stdout + refused.stderr)
  assert.match(refused.stderr, /web in prod: a rollout without downtime cannot be promised: the deployment group prod/)
  assert.deepEqual(await fleet.deployments(), [])
  assert.equal(await readFile(join(folder, 'page.txt'), 'utf8'), 'one\n')

  const shared = configuration(aws.endpoint, target).replace(
    'target: { codedeploy',
    'rollout: canary\n    target: { codedeploy',
  )
  await project.push('canary', { 'trunkline.yaml': shared })
  const canary = await project.trunkline(['deliver', '--ref', 'main'])
  assert.equal(canary.exitCode, 3, canary.stdout + canary.stderr)
  const said = canary.stderr.replaceAll(/\s+/g, ' ')
  assert.match(
    said,
    /web cannot be rolled out as canary in prod: target codedeploy \(codedeploy\) cannot divide requests/,
  )
  assert.match(said, /CodeDeploy shares out requests of ECS and Lambda, not of machines: choose one-at-a-time or half/)

  await project.push('accept', { 'trunkline.yaml': configuration(aws.endpoint, `${target}, downtime: accepted`) })
  const delivered = await project.trunkline(['deliver', '--ref', 'main'])
  assert.equal(delivered.exitCode, 0, delivered.stdout + delivered.stderr)
  const [deployment] = await fleet.deployments()
  assert.deepEqual([deployment?.status, deployment?.revision?.s3Location?.bundleType], ['Succeeded', 'tar'])
  assert.equal((await project.json(0, ['deliver', '--ref', 'main'])).outcome, 'nothing')

  await aws.wish('codedeploy', { fails: { instance: 'i-0b2' } })
  await project.push('break', { 'web/page.txt': 'two\n' })
  const failed = await project.trunkline(['deliver', '--ref', 'main'])
  assert.equal(failed.exitCode, 1, failed.stdout + failed.stderr)
  assert.match(failed.stdout + failed.stderr, /i-0b2: AfterInstall failed: scripts\/migrate\.sh/)
  const statuses = (await fleet.deployments()).map(({ status }) => status)
  assert.deepEqual(statuses, ['Succeeded', 'Failed', 'Succeeded'])
})
