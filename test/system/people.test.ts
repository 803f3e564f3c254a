/** What people do about deliveries, each under their own name, and what people are told. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { LedgerEvent } from '../../src/model/index.ts'
import type { StatusDocument } from '../../src/reporting/index.ts'
import { nobody, type Receiver, receiver } from '../notifications/receiver.ts'
import { type ErrorDocument, openProject, type ProjectUnderTest } from './project-under-test.ts'
import { configurationText, smallShop, webAnswering } from './small-shop.ts'

/** Somebody at the command line. The commits of these tests are Ada's. */
const as = (name: string) => ({
  environment: { TRUNKLINE_ACTOR: name, TRUNKLINE_ACTOR_EMAIL: `${name.toLowerCase()}@example.com` },
})

type Log = { events: LedgerEvent[] }

const newest = async (project: ProjectUnderTest, environment: string): Promise<LedgerEvent | undefined> =>
  (await project.json<Log>(0, ['log', environment, '--lines', '1'])).events[0]

const statusOf = async (project: ProjectUnderTest, environment: string) =>
  (await project.json<StatusDocument>(0, ['status', environment])).environments[0]

async function tag(project: ProjectUnderTest, name: string) {
  await project.clone.tag(name)
  await project.clone.push('origin', name)
  return await project.json(0, ['deliver', '--ref', name])
}

describe('people at the command line', { concurrency: false }, async () => {
  const project = await openProject({
    files: smallShop({
      environments: { prod: { approval: { by: ['@release-managers'], quorum: 2, notAuthor: true } } },
      people: {
        'release-managers': [{ email: 'ada@example.com' }, { email: 'bob@example.com' }, { email: 'cy@example.com' }],
      },
      tasks: { seed: { service: 'web', run: 'echo seeded by hand' } },
    }),
  })
  after(() => project[Symbol.asyncDispose]())

  test('an approval counts only from those who may, and a quorum is different people', async () => {
    assert.equal((await project.json(0, ['deliver'])).outcome, 'succeeded')
    assert.equal((await tag(project, 'v1')).outcome, 'waiting')
    const stranger = await project.json<ErrorDocument>(3, ['approve', 'prod'], as('Mallory'))
    assert.equal(stranger.error.code, 'MAY_NOT_APPROVE')
    const author = await project.json<ErrorDocument>(3, ['approve', 'prod'], as('Ada'))
    assert.equal(author.error.code, 'MAY_NOT_APPROVE')
    assert.equal((await project.json(0, ['approve', 'prod'], as('Bob'))).outcome, 'waiting')
    assert.equal((await project.json(0, ['approve', 'prod'], as('Bob'))).outcome, 'waiting', 'once is once')
    const approved = await project.json(0, ['approve', 'prod'], as('Cy'))
    assert.equal(approved.outcome, 'succeeded')
    const { events } = await project.json<Log>(0, ['log', 'prod'])
    const approvals = events.filter(({ kind }) => kind === 'approved')
    assert.deepEqual(approvals.map(({ actor }) => actor.email).toSorted(), ['bob@example.com', 'cy@example.com'])
  })

  test('an approval names the plan that was looked at', async () => {
    await project.push('two', { 'web/main.js': webAnswering('two') })
    assert.equal((await project.json(0, ['deliver'])).outcome, 'succeeded')
    assert.equal((await tag(project, 'v2')).outcome, 'waiting')
    const plan = (await statusOf(project, 'prod'))?.waiting?.plan ?? ''
    const { error } = await project.json<ErrorDocument>(3, ['approve', 'prod', '--plan', 'f'.repeat(12)], as('Bob'))
    assert.equal(error.code, 'PLAN_MOVED')
    const words = ['approve', 'prod', '--plan', plan.slice(0, 12)]
    assert.equal((await project.json(0, words, as('Bob'))).outcome, 'waiting')
  })

  test('what is rejected waits no more, and the history says who and why', async () => {
    await project.json(0, ['reject', 'prod', '-m', 'not before Easter'], as('Cy'))
    const event = await newest(project, 'prod')
    assert.deepEqual(
      [event?.kind, event?.actor.name, event?.reasons[0]?.message],
      ['rejected', 'Cy', 'not before Easter'],
    )
    assert.equal((await statusOf(project, 'prod'))?.waiting, null)
    assert.equal((await project.json(0, ['advance'])).outcome, 'nothing')
  })

  test('a held environment lets deliveries wait, and goes on when resumed', async () => {
    await project.json(0, ['hold', 'stage', '-m', 'demo at noon'], as('Bob'))
    assert.equal((await statusOf(project, 'stage'))?.held?.actor.name, 'Bob')
    await project.push('three', { 'web/main.js': webAnswering('three') })
    const held = await project.json(0, ['deliver'])
    assert.equal(held.outcome, 'waiting')
    assert.match(
      held.environments[0]?.reasons.map(({ message }) => message).join() ?? '',
      /Bob.*demo at noon|demo at noon/,
    )
    await project.json(0, ['resume', 'stage'], as('Cy'))
    assert.equal((await project.json(0, ['advance'])).outcome, 'succeeded')
    assert.equal(await (await fetch(await project.address('stage', 'web'))).text(), 'three')
  })

  test('cancel takes what waits out of the queue', async () => {
    assert.equal((await tag(project, 'v3')).outcome, 'waiting')
    await project.json(0, ['cancel', 'prod'], as('Cy'))
    assert.equal((await statusOf(project, 'prod'))?.waiting, null)
  })

  test('cancel stops a deployment that somebody else runs, and retry takes it up again', async () => {
    const signal = join(project.home, 'serve-now')
    await project.push('starts on a signal', { 'web/main.js': onceThereIs(signal, webAnswering('slow')) })
    const delivery = project.start(['deliver'])
    await project.reaches('stage', 'started')
    await project.json(0, ['cancel', 'stage'], as('Bob'))
    const ended = await delivery.ended
    assert.notEqual(ended.exitCode, 0)
    assert.match(ended.stderr, /cancelled/)
    assert.equal((await newest(project, 'stage'))?.actor.name, 'Bob')
    assert.equal(await (await fetch(await project.address('stage', 'web'))).text(), 'three')
    await writeFile(signal, '')
    assert.equal((await project.json(0, ['retry', 'stage'], as('Cy'))).outcome, 'succeeded')
    assert.equal(await (await fetch(await project.address('stage', 'web'))).text(), 'slow')
  })

  test('a task runs with what is deployed there; its output and the logs can be read', async () => {
    const ran = await project.trunkline(['run', 'stage', 'seed'])
    assert.equal(ran.exitCode, 0, ran.stderr)
    assert.match(ran.stderr, /seeded by hand/)
    assert.match(ran.stdout, /task seed is done in stage/)
    assert.equal((await project.trunkline(['logs', 'stage', 'web'])).exitCode, 0)
  })

  test('a yanked release can go nowhere until it is let in again, and then it is verified anew', async () => {
    await project.json(0, ['yank', 'HEAD', '-m', 'it forgets carts'], as('Bob'))
    assert.equal((await statusOf(project, 'stage'))?.yanked, true)
    await project.clone.tag('v4')
    await project.clone.push('origin', 'v4')
    const refused = await project.json(3, ['deliver', '--ref', 'v4'])
    assert.match(JSON.stringify(refused.environments[0]?.reasons), /it forgets carts/)
    const words = ['unyank', 'HEAD', '-m', 'it was the load balancer']
    await project.json(0, words, as('Bob'))
    assert.equal((await statusOf(project, 'stage'))?.yanked, false)
    assert.equal((await project.json(0, ['deliver', '--ref', 'v4'])).outcome, 'waiting')
  })

  test('without variables the history names whom git knows', async () => {
    await project.clone.git('config', 'user.name', 'Dee')
    await project.clone.git('config', 'user.email', 'dee@example.com')
    const environment = { GIT_AUTHOR_NAME: undefined, GIT_AUTHOR_EMAIL: undefined }
    await project.json(0, ['hold', 'stage'], { environment })
    assert.deepEqual((await newest(project, 'stage'))?.actor, { name: 'Dee', email: 'dee@example.com' })
  })
})

describe('people who are told', { concurrency: false }, () => {
  let slack: Receiver
  let hook: Receiver
  before(async () => {
    slack = await receiver()
    hook = await receiver()
  })
  after(() => Promise.all([slack.close(), hook.close()]))

  const notify = [
    { slack: { webhook: { from: 'SLACK_WEBHOOK' } }, on: ['started', 'succeeded', 'failed', 'waiting', 'yanked'] },
    { webhook: { url: { from: 'HOOK_URL' }, secret: { from: 'HOOK_SECRET' } } },
  ]
  const configuration = { notify, environments: { prod: { approval: {} } } }

  test('Slack and a signed webhook hear of every turn', async () => {
    await using project = await openProject({
      files: smallShop(configuration),
      environment: { SLACK_WEBHOOK: slack.url, HOOK_URL: hook.url, HOOK_SECRET: 'between us' },
    })
    assert.equal((await project.json(0, ['deliver'])).outcome, 'succeeded')
    assert.deepEqual(turns(hook), ['started stage', 'succeeded stage'])
    assert.equal((await tag(project, 'v1')).outcome, 'waiting')
    assert.equal(turns(hook).at(-1), 'waiting prod')
    const asked = slack.received.at(-1)?.body ?? ''
    assert.match(asked, /v1 waits for prod/)
    assert.match(asked, /trunkline approve prod/)
    await project.json(0, ['approve', 'prod'], as('Bob'))
    assert.deepEqual(turns(hook).slice(-2), ['started prod', 'succeeded prod'])

    await project.push('breaks', {
      'trunkline.yaml': configurationText({
        ...configuration,
        environments: {
          ...configuration.environments,
          stage: { verify: [{ name: 'it answers', run: 'echo no carts here; exit 1' }] },
        },
      }),
      'web/main.js': webAnswering('broken'),
    })
    assert.equal((await project.json(1, ['deliver'])).outcome, 'failed')
    assert.ok(turns(hook).includes('failed stage'))
    assert.ok(turns(hook).includes('rolled-back stage'))
    const failed = slack.received.find(({ body }) => /^.{1,40} failed in stage/.test(body))?.body ?? ''
    assert.match(failed, /it answers/)
    assert.match(failed, /no carts here/)
    assert.match(failed, /Ada/)
    for (const { headers, body } of hook.received) {
      const id = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
      const expected = createHmac('sha256', 'between us').update(id).digest('base64')
      assert.equal(headers['webhook-signature'], `v1,${expected}`)
    }
  })

  test('a dead Slack blocks nothing; the person who delivers hears of it', async () => {
    const url = await nobody()
    await using project = await openProject({
      files: smallShop(configuration),
      environment: { SLACK_WEBHOOK: url, HOOK_URL: url },
    })
    const ended = await project.trunkline(['deliver'])
    assert.equal(ended.exitCode, 0, ended.stderr)
    assert.match(ended.stderr, /could not tell|Slack/i)
    assert.doesNotMatch(ended.stderr, /T0SECRET/, 'the webhook is a secret')
  })
})

/** A program that begins when a file is there. */
const onceThereIs = (file: string, program: string): string =>
  `const waiting = setInterval(() => {
  if (!require('node:fs').existsSync(${JSON.stringify(file)})) return
  clearInterval(waiting)
  ${program}}, 50)\n`

/** `started stage`: what a webhook was told, in order. */
const turns = ({ received }: Receiver): string[] =>
  received.map(({ body }) => {
    const { data } = JSON.parse(body) as { data: { kind: string; environment: string } } // docs/notifications.md
    return `${data.kind} ${data.environment}`
  })
