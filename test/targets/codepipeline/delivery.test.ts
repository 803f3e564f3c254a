/** The command line over the emulator of AWS: approved once, in Trunkline, and carried by a pipeline to its end. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GetPipelineCommand, UpdatePipelineCommand } from '@aws-sdk/client-codepipeline'
import { awsMissing, startAws } from '../../parts/aws/aws.ts'
import { startFaults } from '../../parts/aws/faults.ts'
import { openProject } from '../../system/project-under-test.ts'
import { approved, inTime, name, openPipeline } from './codepipeline-under-test.ts'

const configuration = (endpoint: string, env = '{}') => `project: shop
aws: { region: eu-west-1, account: "123456789012", endpoint: "${endpoint}" }
state: { leaseTtl: 12s }
services:
  web:
    path: web
    artifact: { zip: { from: web } }
    run: { pipeline: {} }
    env: ${env}
environments:
  prod:
    on: { branch: main }
    approval: {}
    variables: { prefix: PROD_ }
    target: { codepipeline: { approvals: [Release] } }
    onFailure: [rollback, yank]
`

test('a release that was approved is carried through every stage; one that fails is taken back and yanked', {
  skip: awsMissing(),
}, async (t) => {
  const part = await startAws()
  const faults = await startFaults(part)
  const shop = await openPipeline(part, faults)
  t.after(async () => {
    await shop.close()
    await faults.stop()
    await part.stop()
  })
  await part.wish('codepipeline', { at_once: true })
  await shop.makePipeline(approved(shop.bucket), { pipelineType: 'V1' })
  await using project = await openProject({
    files: { 'trunkline.yaml': configuration(part.endpoint), 'web/page.txt': 'one\n' },
    environment: { ...part.environment, PROD_PASSWORD: 'correct-horse', PROD_COLOUR: 'red' },
  })
  const refused = await project.trunkline(['deliver', '--ref', 'main'])
  assert.equal(refused.exitCode, 3, refused.stdout + refused.stderr)
  assert.match(refused.stderr, /web in prod: the pipeline shop-web-prod is of type V1, which can be told no revisions/)
  const { pipeline } = await shop.aws.send(shop.client, new GetPipelineCommand({ name }), { signal: inTime() })
  assert.ok(pipeline)
  const variables = ['TRUNKLINE', 'COLOUR'].map((variable) => ({ name: variable, defaultValue: '-' }))
  const made = new UpdatePipelineCommand({ pipeline: { ...pipeline, pipelineType: 'V2', variables } })
  await shop.aws.send(shop.client, made, { signal: inTime() })

  assert.equal((await project.json(0, ['deliver', '--ref', 'main'])).outcome, 'waiting')
  assert.deepEqual(await shop.starts(), [])
  const person = { TRUNKLINE_ACTOR: 'Grace', TRUNKLINE_ACTOR_EMAIL: 'grace@example.com' }
  const approve = async () => await project.trunkline(['approve', 'prod'], { environment: person })
  // Who carries it dies on the way: whoever comes next goes on, and still knows who approved.
  await part.wish('codepipeline', { never_ends: 'Deploy' })
  const dying = project.start(['approve', 'prod'], { environment: person })
  await dying.says(/prod web: 1\/3 ready/)
  dying.process.kill('SIGKILL')
  await dying.ended
  await part.wish('codepipeline', { never_ends: null })
  const advanced = await project.trunkline(['advance'])
  assert.equal(advanced.exitCode, 0, advanced.stdout + advanced.stderr)
  assert.equal((await shop.starts()).length, 1)
  const [given] = await shop.approvals()
  assert.match(
    given?.summary ?? '',
    /^Trunkline d-prod-[0-9a-f]+: web [0-9a-f]{7} \([0-9a-f]{7}\) to prod; plan [0-9a-f]{12} approved by Grace$/,
  )
  assert.equal((await project.json(0, ['deliver', '--ref', 'main'])).outcome, 'nothing')
  const status = await project.trunkline(['doctor'])
  assert.match(status.stdout, /the pipeline shop-web-prod is there/)

  // What changes nothing in the zip starts nothing.
  await project.push('docs', { 'README.md': 'read me\n' })
  assert.equal((await project.json(0, ['deliver', '--ref', 'main'])).outcome, 'succeeded')
  assert.equal((await shop.starts()).length, 1)

  const secret = '{ PASSWORD: { from: PASSWORD, secret: true }, COLOUR: { from: COLOUR } }'
  await project.push('secret', { 'trunkline.yaml': configuration(part.endpoint, secret) })
  const open = await project.trunkline(['deliver', '--ref', 'main'])
  assert.equal(open.exitCode, 3, open.stdout + open.stderr)
  assert.match(open.stderr, /PASSWORD of web would stand in a variable of the pipeline/)
  assert.doesNotMatch(JSON.stringify(await part.told('codepipeline')), /correct-horse/)

  const plainly = configuration(part.endpoint, '{ COLOUR: { from: COLOUR } }')
  await project.push('two', { 'trunkline.yaml': plainly, 'web/page.txt': 'two\n' })
  assert.equal((await project.json(0, ['deliver', '--ref', 'main'])).outcome, 'waiting')
  await part.wish('codepipeline', { fails: { action: 'Deploy', message: 'no space left' } })
  const failed = await approve()
  assert.equal(failed.exitCode, 1, failed.stdout + failed.stderr)
  assert.match(failed.stdout + failed.stderr, /Staging\/Deploy failed: no space left \(JobFailed\); see https:/)
  assert.deepEqual(
    (await shop.executions()).map((execution) => execution.status),
    ['Succeeded', 'Failed', 'Succeeded'],
  )
  assert.match((await shop.approvals()).at(-1)?.summary ?? '', /: web back to what ran in prod before, since execution/)
  const again = await project.trunkline(['deliver', '--ref', 'main'])
  assert.equal(again.exitCode, 3, again.stdout + again.stderr)
  assert.match(again.stdout + again.stderr, /yanked/)
})
