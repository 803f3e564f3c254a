/** What `trunkline doctor` says about the accounts that environments reach. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { systemClock } from '../../src/clock/index.ts'
import { examineAws } from '../../src/doctor/aws.ts'
import type { AwsAccess } from '../../src/model/index.ts'
import { type AwsPart, awsMissing, startAws } from '../parts/aws/aws.ts'

describe('doctor on AWS', { skip: awsMissing() }, () => {
  let part: AwsPart
  before(async () => {
    part = await startAws()
  })
  after(() => part?.stop())

  const examine = (access: Partial<AwsAccess>) =>
    examineAws(
      'environment stage',
      { ...part.access, ...access },
      {
        world: { environment: part.environment, clock: systemClock },
        user: 'shop/stage',
        signal: AbortSignal.timeout(60_000),
      },
    )

  test('says nothing where nothing of AWS is said', async () => {
    const surroundings = { world: { environment: {}, clock: systemClock }, user: 'shop', signal: AbortSignal.abort() }
    assert.deepEqual(await examineAws('environment stage', undefined, surroundings), [])
  })

  test('says who an environment reaches AWS as, and that it is the configured account', async () => {
    const role = 'arn:aws:iam::111122223333:role/trunkline-stage'
    const [finding] = await examine({ role, account: '111122223333' })
    assert.equal(finding?.verdict, 'good')
    const session = 'arn:aws:sts::111122223333:assumed-role/trunkline-stage/trunkline-shop-stage'
    assert.equal(
      finding?.message,
      `AWS is reached as ${session}, in eu-west-1 at ${part.endpoint}: account 111122223333, as configured`,
    )
  })

  test('notes that no account is asserted', async () => {
    const [finding] = await examine({})
    assert.equal(finding?.verdict, 'note')
    assert.match(finding?.hint ?? '', /aws: { account: "123456789012" }/)
  })

  test('finds credentials of another account bad', async () => {
    const [finding] = await examine({ account: '999999999999' })
    assert.equal(finding?.verdict, 'bad')
    assert.match(
      finding?.message ?? '',
      /belong to the AWS account 123456789012 .* the configuration says 999999999999/,
    )
  })
})
