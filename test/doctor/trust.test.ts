/** What `trunkline doctor` says about whose word counts: each finding from the state of things that it is about. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bad, type Finding } from '../../src/doctor/finding.ts'
import { examineSigners, type SigningPolicy } from '../../src/doctor/signers.ts'
import { examineTrust } from '../../src/doctor/trust.ts'
import { type Controller, createBench, shopConfig } from '../fixtures/world.ts'
import { createSignedBench, environmentRef, mallory, pushByHand, signedConfig } from '../signing/signed-bench.ts'
import { openProject } from '../system/project-under-test.ts'
import { configurationText, smallShop } from '../system/small-shop.ts'

const signal = new AbortController().signal
const examined = async ({ engine, scene }: Controller): Promise<Finding[]> =>
  await examineTrust(engine, await scene(), signal)
const said = (findings: readonly Finding[], verdict: Finding['verdict']): string[] =>
  findings.filter((finding) => finding.verdict === verdict).map(({ message }) => message)

describe('doctor, where no builders are listed', () => {
  test('says who is trusted instead, and that keys of people are of no use then', async () => {
    const config = shopConfig((shop) => {
      Object.assign(shop.environments['prod'] ?? {}, { approval: { quorum: 1 } })
      shop['people'] = { managers: [{ email: 'ben@example.com', ssh: 'ssh-ed25519 AAAAC3Nz' }] }
    })
    await using bench = await createBench({ config })
    const findings = await examined(bench)
    assert.deepEqual(said(findings, 'note'), [
      'who may push to refs/trunkline/* is trusted: records and approvals are not signed',
      'people have keys, but no builders are listed: nothing is checked',
      'anyone who may push can approve prod',
    ])
    assert.deepEqual(said(findings, 'bad'), [])
  })

  test('has nothing to say about approvals that people are named for', async () => {
    const config = shopConfig((shop) => {
      Object.assign(shop.environments['prod'] ?? {}, { approval: { by: ['@managers'] } })
      shop['people'] = { managers: [{ email: 'ben@example.com' }] }
    })
    await using bench = await createBench({ config })
    assert.deepEqual(said(await examined(bench), 'note'), [
      'who may push to refs/trunkline/* is trusted: records and approvals are not signed',
    ])
  })
})

describe('doctor, where builders are listed', () => {
  test('tells a builder, a person and a stranger what their own word is good for', async () => {
    await using bench = await createSignedBench()
    const [counts, own] = await examined(bench)
    assert.deepEqual(counts?.message, 'only what builders (ci) and 2 people sign counts')
    assert.equal(own?.message, 'your key is that of a builder: you may deliver from here')
    const ben = await bench.person({ name: 'Ben', email: 'ben@example.com' })
    assert.ok(said(await examined(ben), 'good').includes('your key is that of ben@example.com: what you decide counts'))
    const stranger = await examined(await bench.person(mallory))
    assert.deepEqual(said(stranger, 'note'), [
      'what mallory@example.com writes from here would not count: there is no key that trunk lists',
    ])
    assert.ok(stranger.some(({ hint }) => hint?.includes('TRUNKLINE_SIGNING_KEY')))
  })

  test('finds a history that nobody vouches for, and how to vouch', async () => {
    await using bench = await createSignedBench({ change: (shop) => Object.assign(shop, { builders: [] }) })
    await bench.deliver('main')
    await bench.configure(signedConfig(bench.keys))
    const found = (await examined(bench)).filter(({ verdict }) => verdict === 'bad')
    assert.ok(found.some(({ message }) => message.startsWith(`nothing on ${environmentRef('stage')} is signed`)))
    assert.ok(found.every(({ hint }) => hint?.includes('trunkline adopt')))
  })

  test('finds what was pushed and counts for nothing', async () => {
    await using bench = await createSignedBench()
    await bench.deliver('main')
    await pushByHand(bench, { ref: environmentRef('stage'), subject: 'stage: all is well' })
    const [found, ...more] = said(await examined(bench), 'bad')
    assert.match(
      found ?? '',
      /^"stage: all is well" .* on refs\/trunkline\/env\/stage counts for nothing: it is not signed$/,
    )
    assert.deepEqual(more, [])
  })

  test('says why a project with unreadable keys cannot be used at all', async () => {
    await using project = await openProject({
      files: {
        ...smallShop(),
        'trunkline.yaml': configurationText({ builders: [{ name: 'ci', ssh: 'ssh-ed25519 AAAA' }] }),
      },
    })
    const { ok, findings } = await project.json<{ ok: boolean; findings: Finding[] }>(1, ['doctor'])
    assert.equal(ok, false)
    assert.match(
      said(findings, 'bad')[0] ?? '',
      /^trunkline\.yaml:\d+:\d+ `ssh` is not a key that can be used: it ends too early$/,
    )
  })
})

describe('doctor, on keys in the course of time', () => {
  const day = 24 * 60 * 60 * 1000
  const now = Date.parse('2026-11-21T12:00:00Z')
  const key = (fromMs = 0, untilMs: number | null = null) => ({ key: 'ssh-ed25519 AAAA', fromMs, untilMs })
  const person = (email: string, ...ssh: ReturnType<typeof key>[]) => ({ email, name: null, ssh, slack: null })

  const project = (
    builders: SigningPolicy['builders'],
    people: SigningPolicy['people'] = {},
    approval: { by?: string[]; quorum?: number; notAuthor?: boolean } | null = null,
  ): SigningPolicy => {
    const rule = approval && { by: [], quorum: 1, notAuthor: false, expiresMs: null, ...approval }
    return { builders, people, environments: { prod: { name: 'prod', approval: rule } } }
  }
  const ci = { name: 'ci', ssh: [key()] }

  test('a builder with a key without end is fine', () => {
    assert.deepEqual(examineSigners(project([ci]), now), [])
  })

  test('nothing can be delivered once the keys of all builders have ended, or before they begin', () => {
    for (const ssh of [[key(0, now - 1)], [key(now + 1)], [key(0, now)], []]) {
      assert.deepEqual(said(examineSigners(project([{ name: 'ci', ssh }]), now), 'bad'), [
        'no key of a builder counts today: nothing can be delivered',
      ])
    }
  })

  test('a key that ends within two weeks is told while there is time; one with a successor is not', () => {
    const ending = { name: 'old', ssh: [key(0, now + 3 * day)] }
    assert.deepEqual(said(examineSigners(project([ci, ending]), now), 'note'), [
      'the last key of builder old ends 2026-11-24: what it signs from then on does not count',
    ])
    assert.deepEqual(examineSigners(project([ci, { name: 'old', ssh: [key(0, now + day), key(now)] }]), now), [])
    assert.deepEqual(examineSigners(project([ci, { name: 'old', ssh: [key(0, now + 15 * day)] }]), now), [])
  })

  test('an environment that nobody, or too few, can approve today is named with who could', () => {
    const people = { managers: [person('a@example.com', key(0, now - 1)), person('B@example.com', key())] }
    const badOf = (approval: { by?: string[]; quorum?: number }) =>
      said(examineSigners(project([ci], people, approval), now), 'bad')
    assert.deepEqual(badOf({ by: ['a@example.com'] }), [
      'prod cannot be approved: nobody who may approve has a key that counts today, and it takes 1',
    ])
    assert.deepEqual(badOf({ by: ['@managers'], quorum: 2 }), [
      'prod cannot be approved: only b@example.com of those who may approve has a key that counts today, and it takes 2',
    ])
    assert.deepEqual(badOf({ by: ['@managers'] }), [])
    assert.deepEqual(badOf({ quorum: 2 }).length, 1)
  })

  test('where authors do not count, it says whose changes nobody could approve', () => {
    const people = { managers: [person('a@example.com', key()), person('b@example.com', key())] }
    const notes = (quorum: number) =>
      said(examineSigners(project([ci], people, { by: ['@managers'], quorum, notAuthor: true }), now), 'note')
    assert.deepEqual(notes(1), [])
    assert.deepEqual(notes(2), [
      'changes by a@example.com, b@example.com cannot be approved for prod: authors do not count there, and too few others may approve',
    ])
  })

  test('what an examination could not get past is a finding, with the hint of its error', () => {
    assert.deepEqual(bad('trust', new Error('alas')), { about: 'trust', verdict: 'bad', message: 'alas' })
  })
})
