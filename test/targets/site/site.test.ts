/** Static sites in S3, behind CloudFront: what is brought, in which order, and what is put back. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RolloutRequest } from '../../../src/ports/index.ts'
import { inAwsAccount } from '../../parts/aws/account.ts'
import { type AwsPart, awsMissing } from '../../parts/aws/aws.ts'
import type { AwsFaults } from '../../parts/aws/faults.ts'
import { diesAt } from '../killed.ts'
import { quickClock } from '../lambda/lambda-under-test.ts'
import { immutable, inTime, openSite, recordKey, type SiteUnderTest, seen } from './site-under-test.ts'

const first = {
  'index.html': '<script src="/assets/app-1.js">',
  '404.html': 'nothing here',
  'about/index.html': 'about us',
  'old page.html': 'old',
  'assets/app-1.js': 'one()',
  'logo.svg': '<svg/>',
}
const second = {
  'index.html': '<script src="/assets/app-2.js">',
  '404.html': 'nothing here',
  'about/index.html': 'about us',
  'assets/app-2.js': 'two()',
  'logo.svg': '<svg/>',
}
const third = { ...second, 'index.html': '<script src="/assets/app-3.js">', 'assets/app-3.js': 'three()' }
delete (third as Record<string, string>)['assets/app-2.js']

describe('static sites in S3, behind CloudFront', { skip: awsMissing() }, () => {
  let part: AwsPart
  let faults: AwsFaults
  let site: SiteUnderTest

  inAwsAccount(openSite, (given) => {
    ;({ part, faults, opened: site } = given)
  })

  const puts = () => faults.calls('s3:PutObject').length
  const ensured = async (request: RolloutRequest) =>
    assert.deepEqual(await site.open().ensure(request, site.context()), { ok: true })

  test('files are brought as what they are, and CloudFront forgets the documents', async () => {
    const request = await site.release('1', first)
    const context = site.context()
    const target = site.open()
    assert.deepEqual(await target.ensure(request, context), { ok: true })
    assert.deepEqual(await site.shown(), first)
    const script = await site.head('web/assets/app-1.js')
    assert.deepEqual([script.ContentType, script.CacheControl], ['text/javascript; charset=utf-8', immutable])
    const page = await site.head('web/index.html')
    assert.deepEqual([page.ContentType, page.CacheControl], ['text/html; charset=utf-8', 'no-cache'])
    assert.equal((await site.head('web/logo.svg')).ContentType, 'image/svg+xml; charset=utf-8')
    assert.deepEqual(await site.invalidations(), [
      ['/', '/404.html', '/about/', '/about/index.html', '/index.html', '/old%20page.html'],
    ])
    assert.deepEqual(context.reports.at(-1), { ready: 1, desired: 1, old: 0 })
    assert.deepEqual(await target.verify(request, context), { ok: true })
    assert.deepEqual(await seen(target), {
      ...{ generation: 'generation-1', artifact: request.desired.artifact, fingerprint: 'none' },
      ...{ instances: { ready: 1, desired: 1 }, url: 'https://web.example' },
    })
    assert.match((await seen(site.open({ config: { url: null } }))).url ?? '', /^https:\/\/\w+\.cloudfront\.net$/)
  })

  test('only what changed is brought and forgotten, and what was brought already costs nothing', async () => {
    await ensured(await site.release('1', first))
    const before = puts()
    const request = await site.release('2', second)
    await ensured(request)
    // Two files, and what is written down before and after.
    assert.equal(puts() - before, 4)
    assert.deepEqual((await site.invalidations()).at(-1), ['/', '/index.html', '/old%20page.html'])
    await ensured(request)
    assert.equal(puts() - before, 4)
    assert.equal((await site.invalidations()).length, 2)
  })

  test('what open pages ask for stays for one generation, and pages that are gone do not', async () => {
    await ensured(await site.release('1', first))
    await ensured(await site.release('2', second))
    assert.deepEqual(await site.shown(), { ...second, 'assets/app-1.js': 'one()' })
    await ensured(await site.release('3', third))
    assert.deepEqual(await site.shown(), { ...third, 'assets/app-2.js': 'two()' })
  })

  test('no document is there before what it asks for, and the index comes last', async () => {
    await ensured(await site.release('1', first))
    const request = await site.release('2', { ...second, 'shop.html': 'asks for app-2' })
    const denied = { kind: 'denied', permission: 's3:PutObject' } as const
    // What is to be done is written down, the script is there, and the next page is not.
    faults.fault('s3:PutObject', denied, { times: 1, after: 2 })
    await assert.rejects(site.open().ensure(request, site.context()), { code: 'AWS_ACCESS_DENIED' })
    const shown = await site.shown()
    assert.equal(shown['assets/app-2.js'], 'two()')
    assert.equal(shown['shop.html'], undefined)
    assert.equal(shown['index.html'], first['index.html'])
    faults.clear()
    faults.fault('s3:PutObject', denied, { times: 1, after: 2 })
    await assert.rejects(site.open().ensure(request, site.context()), { code: 'AWS_ACCESS_DENIED' })
    assert.equal((await site.shown())['index.html'], first['index.html'])
  })

  test('the way back shows the generation before again, as it was, each time', async () => {
    const [one, two] = [await site.release('1', first), await site.release('2', second)]
    for (const request of [one, two, one, two, one]) await ensured(request)
    assert.deepEqual(await site.shown(), { ...first, 'assets/app-2.js': 'two()' })
    assert.equal((await site.invalidations()).length, 5)
    assert.equal((await seen(site.open())).generation, 'generation-1')
  })

  test('a generation that was left halfway is taken back without a trace', async () => {
    const one = await site.release('1', first)
    await ensured(one)
    const two = await site.release('2', { ...second, 'new.html': 'new', 'index.html': 'two' })
    faults.fault(/^cloudfront:(?:CreateInvalidation|POST)/, {
      kind: 'denied',
      permission: 'cloudfront:CreateInvalidation',
    })
    await assert.rejects(site.open().ensure(two, site.context()), /cloudfront:CreateInvalidation/)
    faults.clear()
    const observed = await seen(site.open())
    assert.deepEqual([observed.generation, observed.detail], [null, 'files of another generation are on their way'])
    assert.equal((await site.open().verify(one, site.context())).ok, false)
    await ensured(one)
    assert.deepEqual(await site.shown(), first)
    assert.ok((await site.invalidations()).at(-1)?.includes('/new.html'))
  })

  test('a controller that dies at any call is followed by one that brings the same', async () => {
    await ensured(await site.release('0', first))
    for (let call = 0; ; call += 1) {
      const files = { ...second, 'index.html': `number ${call}`, [`assets/app-${call}.js`]: 'app()' }
      const request = await site.release(`n${call}`, files)
      const told = (await site.invalidations()).length
      const died = await diesAt(faults, { action: /./, call }, (signal) =>
        site.open().ensure(request, site.context({ signal })),
      )
      await ensured(request)
      const shown = await site.shown()
      for (const [path, content] of Object.entries(files)) assert.equal(shown[path], content, path)
      assert.equal((await site.invalidations()).length, told + 1, `after ${call} calls`)
      if (died) continue
      assert.ok(call > 8, `${call} calls`)
      break
    }
  })

  test('answers that are lost change nothing', async () => {
    await ensured(await site.release('1', first))
    for (const action of ['s3:PutObject', 's3:DeleteObject', /^cloudfront:POST/]) {
      faults.fault(action, { kind: 'lose' }, { times: 1 })
    }
    faults.fault('s3:ListObjectsV2', { kind: 'throttle' }, { times: 2 })
    await ensured(await site.release('2', second))
    assert.deepEqual(await site.shown(), { ...second, 'assets/app-1.js': 'one()' })
    assert.equal((await site.invalidations()).length, 2)
  })

  test('an ended session and a missing permission are told as what they are, and no page changes', async () => {
    await ensured(await site.release('1', first))
    const request = await site.release('2', second)
    const attempt = () => site.open().ensure(request, site.context())
    faults.fault('s3:PutObject', { kind: 'expired' })
    await assert.rejects(attempt(), { code: 'AWS_CREDENTIALS_EXPIRED' })
    faults.fault('s3:PutObject', { kind: 'denied', permission: 's3:PutObject', resource: 'arn:aws:s3:::sites/web' })
    await assert.rejects(attempt(), /lacks the permission s3:PutObject on arn:aws:s3/)
    faults.clear()
    assert.deepEqual(await site.shown(), first)
    faults.fault(/^cloudfront:POST/, { kind: 'denied', permission: 'cloudfront:CreateInvalidation' })
    await assert.rejects(attempt(), /lacks the permission cloudfront:CreateInvalidation/)
  })

  test('who has lost the lease writes no file any more', async () => {
    await ensured(await site.release('1', first))
    const newer = await site.release('2', second)
    assert.deepEqual(await site.open().ensure(newer, site.context({ epoch: 3 })), { ok: true })
    const stale = await site.release('3', third)
    await assert.rejects(site.open().ensure(stale, site.context({ epoch: 2 })), { code: 'STALE_CONTROLLER' })
    assert.deepEqual(await site.shown(), { ...second, 'assets/app-1.js': 'one()' })
  })

  test('an invalidation that never ends is told, and taken up again by whoever comes next', async () => {
    await part.wish('cloudfront', { never_ends: true })
    const request = await site.release('1', first)
    const target = site.open({ clock: quickClock() })
    await assert.rejects(target.ensure(request, site.context()), { code: 'AWS_WAIT_TIMED_OUT' })
    await part.wish('cloudfront', { never_ends: false })
    await ensured(request)
    assert.equal((await site.invalidations()).length, 1)
  })

  test('what somebody changed or took away is shown, and put back with the next rollout', async () => {
    const request = await site.release('1', first)
    await ensured(request)
    await site.byHand('web/logo.svg', 'mine')
    await site.deleteByHand('web/index.html')
    const target = site.open()
    const drift = (await target.findDrift?.(['web'], inTime())) ?? []
    const subjects = drift.map(({ subject, fields }) => `${subject.replace(site.bucket, '')} ${fields.length}`).sort()
    assert.deepEqual(subjects, ['s3:///web/index.html 0', 's3:///web/logo.svg 1'])
    const observed = await seen(target)
    assert.equal(observed.instances.ready, 0)
    assert.match(observed.detail ?? '', /index\.html of s3:\/\/.*\/web is gone/)
    await ensured(request)
    assert.deepEqual(await site.shown(), first)
    assert.deepEqual(await target.findDrift?.(['web'], inTime()), [])
    assert.deepEqual((await site.invalidations()).at(-1), ['/', '/index.html', '/logo.svg'])
  })

  test('a distribution that would show what is written down is refused, and so is one that shows something else', async () => {
    const request = await site.release('1', first)
    const all = await site.makeDistribution('')
    const open = site.open({ config: { distribution: all } })
    await assert.rejects(open.ensure(request, site.context()), { code: 'RECORD_PUBLIC' })
    const other = site.open({ config: { distribution: await site.makeDistribution('/docs') } })
    await assert.rejects(other.ensure(request, site.context()), { code: 'NOT_ITS_ORIGIN' })
    const none = site.open({ config: { distribution: 'E000' } })
    await assert.rejects(none.ensure(request, site.context()), { code: 'NO_DISTRIBUTION' })
    assert.deepEqual(await site.shown(), {})
    const examined = (await open.examine?.(['web'], inTime())) ?? []
    assert.deepEqual(
      examined.map(({ isWell }) => isWell),
      [false],
    )
    assert.deepEqual(
      (await site.open().examine?.(['web'], inTime()))?.map(({ isWell }) => isWell),
      [true],
    )
  })

  test('a site without its index, or with variables, is refused before anything is brought', async () => {
    const { 'index.html': _, ...rest } = first
    const verdict = await site.open().ensure(await site.release('1', rest), site.context())
    assert.ok(!verdict.ok && verdict.refused === true)
    assert.equal(verdict.reasons[0]?.message, 'the artifact has no index.html')
    const request = await site.release('2', first)
    const withVariables = { ...request, desired: { ...request.desired, env: { A: { kind: 'value', value: 'b' } } } }
    const objections = await site.open().objectionsTo?.(withVariables as RolloutRequest, inTime())
    assert.equal(objections?.[0]?.code, 'no-variables')
    assert.deepEqual(await site.shown(), {})
  })

  test('a site that is removed leaves nothing of itself, and nothing of others is touched', async () => {
    await ensured(await site.release('1', first))
    await ensured(await site.release('2', second))
    await site.byHand('web/theirs.txt', 'theirs')
    assert.deepEqual(await site.open().remove('web', site.context()), { ok: true })
    assert.deepEqual(await site.shown(), { 'theirs.txt': 'theirs' })
    await assert.rejects(site.head(recordKey))
    assert.deepEqual((await site.invalidations()).at(-1), ['/*'])
    assert.equal((await seen(site.open())).generation, null)
    assert.deepEqual(await site.open().remove('web', site.context()), { ok: true })
  })
})
