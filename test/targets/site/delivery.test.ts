/** The command line over the emulator of AWS: a site is delivered, promoted as it is, and rolled back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awsMissing, startAws } from '../../parts/aws/aws.ts'
import { startFaults } from '../../parts/aws/faults.ts'
import { openProject } from '../../system/project-under-test.ts'
import { openSite } from './site-under-test.ts'

const configuration = (endpoint: string, bucket: string, distribution: string) => `project: shop
aws: { region: eu-west-1, account: "123456789012", endpoint: "${endpoint}" }
services:
  web:
    path: web
    artifact: { bundle: { from: web } }
    run: { site: {} }
environments:
  prod:
    on: { branch: main }
    target: { site: { bucket: ${bucket}, distribution: ${distribution} } }
    onFailure: []
`

test('a site is delivered once, and the way back shows what was there before', { skip: awsMissing() }, async (t) => {
  const aws = await startAws()
  const faults = await startFaults(aws)
  const site = await openSite(aws, faults)
  t.after(async () => {
    await site.close()
    await faults.stop()
    await aws.stop()
  })
  await using project = await openProject({
    files: {
      'trunkline.yaml': configuration(aws.endpoint, site.bucket, site.distribution),
      'web/index.html': 'one',
    },
    environment: aws.environment,
  })
  const delivered = await project.trunkline(['deliver', '--ref', 'main'])
  assert.equal(delivered.exitCode, 0, delivered.stdout + delivered.stderr)
  assert.deepEqual(await site.shown(), { 'index.html': 'one' })
  assert.equal((await project.json(0, ['deliver', '--ref', 'main'])).outcome, 'nothing')

  await project.push('two', { 'web/index.html': 'two', 'web/new.html': 'new' })
  const second = await project.trunkline(['deliver', '--ref', 'main'])
  assert.equal(second.exitCode, 0, second.stdout + second.stderr)
  assert.deepEqual(await site.shown(), { 'index.html': 'two', 'new.html': 'new' })

  assert.equal((await project.trunkline(['diff', 'prod', '--check'])).exitCode, 0)
  await site.byHand('web/index.html', 'by hand')
  const changed = await project.trunkline(['diff', 'prod', '--check'])
  assert.equal(changed.exitCode, 1, 'a scheduled job hears of it')
  assert.match(changed.stdout, /web\/index\.html \(web\)\s+content: .* by somebody/)

  const back = await project.trunkline(['rollback', 'prod'])
  assert.equal(back.exitCode, 0, back.stdout + back.stderr)
  assert.deepEqual(await site.shown(), { 'index.html': 'one' })
  assert.deepEqual((await site.invalidations()).at(-1), ['/', '/index.html', '/new.html'])
})
