/** What is watched at AWS while AWS does not answer: the watch goes on, says so, and does not go on for ever. */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation'
import { type Aws, openAws } from '../../src/aws/index.ts'
import type { TrunklineError } from '../../src/model/index.ts'
import type { Clock } from '../../src/ports/index.ts'
import { type AwsPart, awsMissing, startAws } from '../parts/aws/aws.ts'
import { type AwsFault, type AwsFaults, startFaults } from '../parts/aws/faults.ts'

/** Time that passes by being slept. */
function quickClock(): Clock {
  let ms = 0
  return {
    now: () => Date.UTC(2026, 0, 1, 12) + ms,
    monotonicMs: () => ms,
    async sleep(duration, signal) {
      signal.throwIfAborted()
      ms += duration
    },
  }
}

const broken: AwsFault = { kind: 'error', name: 'InternalFailure', message: 'We are sorry', status: 500 }
const triesOfACall = 8

describe('a watch', { skip: awsMissing(), timeout: 120_000 }, () => {
  let part: AwsPart
  let faults: AwsFaults
  let clock: Clock
  const opened: Aws[] = []

  before(async () => {
    part = await startAws()
    faults = await startFaults(part)
  })
  afterEach(async () => {
    for (const aws of opened.splice(0)) await aws.close()
    faults.clear()
  })
  after(async () => {
    await faults?.stop()
    await part?.stop()
  })

  function watch(options: { timeoutMs?: number; isQuiet?: boolean } = {}) {
    clock = quickClock()
    const aws = openAws(faults.access, { variables: faults.environment, clock, fraction: () => 0.5 })
    opened.push(aws)
    const signal = AbortSignal.timeout(60_000)
    const lines: string[] = []
    const found = aws.waitFor({
      what: 'the stack shop-stage to be at rest',
      timeoutMs: options.timeoutMs ?? 60 * 60_000,
      signal,
      ...(options.isQuiet ? {} : { log: (line: string) => void lines.push(line) }),
      async look() {
        const { Stacks = [] } = await aws.send(aws.client(CloudFormationClient), new DescribeStacksCommand({}), {
          signal,
        })
        return { stacks: Stacks.length }
      },
    })
    return { found, lines }
  }

  const errorOf = async (watched: Promise<unknown>): Promise<TrunklineError> =>
    await watched.then(
      () => assert.fail('it found something'),
      (error: TrunklineError) => error,
    )

  test('says who does not answer, since when and with what, looks on, and says when it sees again', async () => {
    faults.fault('cloudformation:DescribeStacks', broken, { times: 3 * triesOfACall })
    const { found, lines } = watch()
    assert.deepEqual(await found, { stacks: 0 })
    assert.match(
      lines[0] ?? '',
      /^waits for the stack shop-stage to be at rest, and cannot see it since 12:00:00 UTC: AWS CloudFormation DescribeStacks \(eu-west-1\) is broken for now: InternalFailure: We are sorry$/,
    )
    assert.match(lines.at(-1) ?? '', /^AWS answers again, after \d+ s$/)
    assert.equal(lines.length, 2, lines.join('\n'))
  })

  for (const [name, fault, code] of [
    ['broken', broken, 'AWS_UNAVAILABLE'],
    ['behind something that answers in its place', { kind: 'html', status: 500 }, 'AWS_UNAVAILABLE'],
    ['throttling', { kind: 'throttle' }, 'AWS_THROTTLED'],
    ['out of reach', { kind: 'cut' }, 'AWS_UNREACHABLE'],
  ] as const) {
    test(`ends errored with its cause where AWS stays ${name}, and does not talk without end`, async () => {
      faults.fault('cloudformation:DescribeStacks', fault)
      const { found, lines } = watch()
      const error = await errorOf(found)
      assert.equal(error.code, code)
      assert.equal(error.kind, 'errored')
      assert.match(
        error.message,
        /^waited for the stack shop-stage to be at rest, and could not see it since 12:00:00 UTC \(1\d min\): AWS/,
      )
      assert.ok(lines.length >= 3 && lines.length <= 6, lines.join('\n'))
    })
  }

  test('whose time is over while it cannot see tells that, and not only that it waited', async () => {
    faults.fault('cloudformation:DescribeStacks', broken)
    const { found } = watch({ timeoutMs: 60_000 })
    assert.equal((await errorOf(found)).code, 'AWS_UNAVAILABLE')
  })

  test('ends at once where it is the asker who may not look, and where nobody is told', async () => {
    faults.fault('cloudformation:DescribeStacks', { kind: 'denied', permission: 'cloudformation:DescribeStacks' })
    const { found, lines } = watch()
    assert.equal((await errorOf(found)).code, 'AWS_ACCESS_DENIED')
    assert.deepEqual(lines, [])
    faults.clear()
    faults.fault('cloudformation:DescribeStacks', broken)
    assert.equal((await errorOf(watch({ isQuiet: true }).found)).code, 'AWS_UNAVAILABLE')
    assert.equal(faults.calls().length, triesOfACall)
  })
})
