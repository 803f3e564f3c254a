/** A controller that is killed at each write that it asks of AWS, before AWS gets it or after, and another that goes on. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import {
  CloudFormationClient,
  DescribeStackEventsCommand,
  GetTemplateCommand,
  ListChangeSetsCommand,
} from '@aws-sdk/client-cloudformation'
import { type AwsPart, awsMissing, startAws } from '../../parts/aws/aws.ts'
import { type AwsFault, type AwsFaults, startFaults } from '../../parts/aws/faults.ts'
import type { Errand } from './controller.ts'
import { clientOf, makeBucket, stacksUnderTest, template } from './stacks-under-test.ts'

/** Who dies at a read has left AWS as who dies at the write before it, or at the next: each write tells all there is to see. */
const writes = /:(?!Describe|Get|List|Head)/
/** AWS never saw it; AWS did it, and nobody was told. */
const faultsOfWrites: readonly AwsFault[] = [{ kind: 'cut' }, { kind: 'lose' }]
const controller = join(import.meta.dirname, 'controller.ts')

/** `at`: of which calls `call` is counted. */
type Death = { call: number; fault: AwsFault; at: RegExp }
type Life = { isDead: boolean; diedAt: string }

describe('controllers of stacks that are killed', { skip: awsMissing(), timeout: 600_000 }, () => {
  let aws: AwsPart
  let faults: AwsFaults
  before(async () => {
    aws = await startAws()
    faults = await startFaults(aws)
  })
  after(async () => {
    await faults?.stop()
    await aws?.stop()
  })
  beforeEach(async () => {
    await aws.reset()
    await makeBucket(aws)
  })

  /** A controller's whole life. */
  async function live(files: Record<string, string>, { call, fault, at }: Death): Promise<Life> {
    const errand: Errand = { service: 'data', files, access: faults.access }
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', controller, JSON.stringify(errand)],
      {
        env: { ...process.env, NODE_TEST_CONTEXT: undefined, ...faults.environment },
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    )
    let stderr = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    let diedAt = ''
    const strikes = (action: string) => {
      diedAt = action
      child.kill('SIGKILL')
    }
    faults.fault(at, fault, { times: 1, after: call, strikes })
    const [code] = await once(child, 'exit')
    faults.clear()
    assert.ok(code === 0 || diedAt !== '', stderr)
    return { isDead: code !== 0, diedAt }
  }

  async function carriedOut(name: string): Promise<number> {
    const cloudformation = clientOf(CloudFormationClient, aws)
    const { StackEvents = [] } = await cloudformation.send(new DescribeStackEventsCommand({ StackName: name }))
    cloudformation.destroy()
    const ends = StackEvents.filter(
      ({ ResourceType: type, ResourceStatus: status }) =>
        type === 'AWS::CloudFormation::Stack' && /^(?:UPDATE|CREATE)_COMPLETE$/.test(status ?? ''),
    )
    return ends.length
  }

  /** It is as it was last wanted, nothing is left to do, and nothing lies around. */
  async function assertSettled(name: string, delay: string): Promise<void> {
    const cloudformation = clientOf(CloudFormationClient, aws)
    const { TemplateBody = '' } = await cloudformation.send(new GetTemplateCommand({ StackName: name }))
    const { Summaries = [] } = await cloudformation.send(new ListChangeSetsCommand({ StackName: name }))
    cloudformation.destroy()
    assert.match(TemplateBody, new RegExp(`DelaySeconds"?: ${delay}\\b`))
    const waiting = Summaries.filter(({ ExecutionStatus: status }) => status === 'AVAILABLE')
    assert.deepEqual(waiting, [], 'a change set was left')
  }

  /** Lives that end at each write, one after the other; each is followed by one that lives. Answers where they died. */
  async function dieAtEachWrite(): Promise<string[]> {
    const deaths: string[] = []
    const under = stacksUnderTest(aws)
    for (let write = 0, life = 0; ; write++) {
      for (const fault of faultsOfWrites) {
        const delay = String(100 + life++)
        const files = { 'infra/template.yaml': template({ delay }) }
        const done = await carriedOut('shop-stage-data')
        const { isDead, diedAt } = await live(files, { call: write, fault, at: writes })
        const request = await under.request('data', files)
        const told = `killed at write ${write}, ${diedAt} (${fault.kind})`
        assert.deepEqual(await under.deploy(request), { ok: true }, told)
        assert.deepEqual(await under.target.verify(request, under.context()), { ok: true }, told)
        await assertSettled('shop-stage-data', delay)
        assert.equal((await carriedOut('shop-stage-data')) - done, 1, `${told}: carried out once`)
        if (!isDead) return deaths
        deaths.push(diedAt)
      }
    }
  }

  test('an update is carried out once, whatever write its controller dies at', async () => {
    const under = stacksUnderTest(aws)
    await under.deploy(await under.request('data', { 'infra/template.yaml': template({ delay: '5' }) }))
    const deaths = await dieAtEachWrite()
    for (const action of ['CreateChangeSet', 'ExecuteChangeSet']) {
      assert.equal(deaths.filter((death) => death.endsWith(action)).length, 2, `${action}, before and after`)
    }
  })

  test('a stack is created once, whatever write its controller dies at', async () => {
    const under = stacksUnderTest(aws)
    for (const [index, write] of ['CreateChangeSet', 'ExecuteChangeSet', 'PutParameter'].entries()) {
      for (const fault of faultsOfWrites) {
        await aws.reset()
        await makeBucket(aws)
        const delay = String(index + 1)
        const files = { 'infra/template.yaml': template({ delay }) }
        const pattern = new RegExp(`:${write}$`)
        const first = await live(files, { call: 0, fault, at: pattern })
        assert.match(first.diedAt, pattern)
        const request = await under.request('data', files)
        assert.deepEqual(await under.deploy(request), { ok: true }, `${write} (${fault.kind})`)
        await assertSettled('shop-stage-data', delay)
        assert.equal(await carriedOut('shop-stage-data'), 1, `${write} (${fault.kind}): created once`)
      }
    }
  })
})
