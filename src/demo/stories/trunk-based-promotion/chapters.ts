/** The steps of brief 002, one chapter each. */
import type { Plan } from '../../../model/index.ts'
import { type Chapter, expect } from '../../story.ts'
import { expectAliasBack, stampsIn } from './function-chapter.ts'
import { functions } from './functions.ts'
import { type StageSet, services } from './stage-set.ts'
import {
  deliver,
  environmentOf,
  expectOnlyDigests,
  expectOutcome,
  expectRunning,
  expectTagged,
  manifestCommits,
  pushMain,
  pushTag,
  sameBytes,
  short,
  whyOf,
} from './telling.ts'

export const firstPush = (set: StageSet): Chapter => ({
  name: 'Merged to main: built once, and live in stage',
  tells:
    'Two images are checked, built and pushed, named by their commit; one commit in the manifest repository brings them to stage. Two functions are packaged beside them. An order is placed to verify it.',
  async run(playground) {
    await pushMain(playground)
    const stage = await environmentOf(playground, 'stage')
    const builds = await playground.buildRecords()
    const all = services.length + (set.functions() === null ? 0 : functions.length)
    expect(builds === all, `each service was built once: ${builds} builds`)
    expect((await manifestCommits(set)) === 2, 'one commit in the manifest repository for both services')
    const subject = await expectOnlyDigests(set, 'stage')
    await expectTagged(set, stage, short(stage.commit), playground.signal)
    const running = await expectRunning(playground, set, 'stage')
    return [
      `${services.length} images, named orders-${short(stage.commit)} and notifications-${short(stage.commit)} in the registry`,
      `one commit in the manifest repository: ${subject}`,
      running,
      ...(await stampsIn(set, 'stage')),
    ]
  },
})

export const docsOnlyTag = (set: StageSet): Chapter => ({
  name: 'A commit of documentation is tagged rc-1, and goes to demo',
  tells:
    'It generated no artifact, so elsewhere there would be nothing to promote. Here every commit is promotable, and the notice says whose build it uses.',
  async run(playground) {
    const before = await playground.buildRecords()
    const built = await environmentOf(playground, 'stage')
    await playground.write('NOTES.md', '# Notes\n\nWe bake from four in the morning.\n')
    await playground.commit('Write down when we bake')
    await pushMain(playground)
    const { document: plan } = await playground.trunkline<Plan>('plan', '--ref', 'refs/tags/rc-1')
    expect(
      plan.services.every(({ action }) => action === 'reuse'),
      'the plan says that nothing is to be built',
    )
    const promoted = await pushTag(playground, 'rc-1')
    const [stage, demo] = [await environmentOf(playground, 'stage'), await environmentOf(playground, 'demo')]
    expect((await playground.buildRecords()) === before, 'nothing was built')
    expect(sameBytes(stage, demo), 'demo runs the bytes that stage verified')
    const notice = whyOf(promoted).find((message) => message.startsWith('nothing was built for'))
    expect(notice?.includes(short(built.commit)) === true, 'the notice names the commit whose build demo runs')
    expect(
      set.letters().some((letter) => letter.includes(notice ?? '')),
      'people are told the same',
    )
    await expectTagged(set, demo, 'rc-1', playground.signal)
    const subject = await expectOnlyDigests(set, 'demo')
    return [
      notice ?? '',
      `the same images, named orders-rc-1 too: ${subject}`,
      await expectRunning(playground, set, 'demo'),
      ...(await stampsIn(set, 'demo')),
    ]
  },
})

export const production = (set: StageSet): Chapter => ({
  name: 'v1.0.0 goes to production',
  tells: 'A tag on a commit that stage has verified is all it takes: no rebuild, no rebase, no freeze.',
  async run(playground) {
    const before = await playground.buildRecords()
    await pushTag(playground, 'v1.0.0')
    const [demo, prod] = [await environmentOf(playground, 'demo'), await environmentOf(playground, 'prod')]
    expect((await playground.buildRecords()) === before, 'nothing was built')
    expect(prod.version === 'v1.0.0' && sameBytes(demo, prod), 'prod runs v1.0.0, the bytes of demo')
    await expectTagged(set, prod, 'v1.0.0', playground.signal)
    const subject = await expectOnlyDigests(set, 'prod')
    return [`0 builds: ${subject}`, await expectRunning(playground, set, 'prod'), ...(await stampsIn(set, 'prod'))]
  },
})

export const brokenCommit = (set: StageSet): Chapter => ({
  name: 'A commit fails in stage, and is yanked',
  tells:
    'Every test is green, yet no letter is short enough any more; and whoever wrote it gives a stamp away for every euro. Stage notices, goes back, tells who wrote it, and no tag brings it further.',
  async run(playground) {
    const before = await environmentOf(playground, 'stage')
    const commits = await manifestCommits(set)
    const stamps = await set.functions()?.live('stamps', 'stage')
    await playground.edit('services/notifications/src/main.ts', 'maxLetterLength: 20_000', 'maxLetterLength: 20')
    await playground.edit('functions/stamps/src/stamps.ts', 'centsPerStamp = 500', 'centsPerStamp = 100')
    await playground.edit('functions/stamps/test/stamps.test.ts', 'stamps: 3', 'stamps: 19')
    await playground.edit('functions/stamps/test/stamps.test.ts', 'totalCents: 499', 'totalCents: 99')
    await playground.commit('Nobody reads long letters')
    await pushMain(playground, 'failed')
    const stage = await environmentOf(playground, 'stage')
    expect(stage.release === before.release && sameBytes(stage, before), 'stage is back on what it ran')
    expect((await manifestCommits(set)) === commits + 2, 'there and back are two commits')
    await expectOnlyDigests(set, 'stage')
    const told = set.letters().filter((letter) => letter.includes('<@U024BE7LH>'))
    expect(
      told.some((letter) => letter.includes('failed in stage')),
      'the author is mentioned where stage failed',
    )
    const demo = await pushTag(playground, 'rc-2', 'refused')
    const prod = await pushTag(playground, 'v1.1.0', 'refused')
    expect((await manifestCommits(set)) === commits + 2, 'the tags changed nothing')
    return [
      'stage noticed, and is back by a new commit in the manifest repository',
      ...(await expectAliasBack(set, stamps)),
      `rc-2 is refused: ${whyOf(demo)[0]}`,
      `v1.1.0 is refused: ${whyOf(prod)[0]}`,
      'its author was mentioned in the channel',
      await expectRunning(playground, set, 'stage'),
    ]
  },
})

export const justAnotherCommit = (set: StageSet): Chapter => ({
  name: 'A fix is just another commit',
  tells:
    'A branch off main, checked as a pull request is, merged; stage verifies it, and a tag brings it to production.',
  async run(playground) {
    await playground.git('checkout', '--quiet', '-b', 'fix/letters')
    await playground.edit('services/notifications/src/main.ts', 'maxLetterLength: 20,', 'maxLetterLength: 10_000,')
    await playground.commit('Let letters be letters again')
    const before = await playground.buildRecords()
    const checked = await playground.trunkline<{ outcome: string; checks: unknown[] }>('check')
    expect(checked.document.outcome === 'succeeded', 'its checks are green')
    expect((await playground.buildRecords()) === before, 'a pull request builds nothing')
    await playground.git('checkout', '--quiet', 'main')
    await playground.git('merge', '--quiet', '--ff-only', 'fix/letters')
    await pushMain(playground)
    const built = (await playground.buildRecords()) - before
    expect(built === 1, `only notifications was built: ${built} builds`)
    await pushTag(playground, 'v1.1.1')
    const [stage, prod] = [await environmentOf(playground, 'stage'), await environmentOf(playground, 'prod')]
    expect(prod.version === 'v1.1.1' && sameBytes(stage, prod), 'prod runs what stage verified')
    return [
      'no cherry-pick, no release branch: one build, stage, and v1.1.1 is in production',
      await expectRunning(playground, set, 'prod'),
    ]
  },
})

export const wayBack = (set: StageSet): Chapter => ({
  name: 'Production goes back to v1.0.0',
  tells:
    'A rollback is a new commit with digests that ran there before; routes then leave production alone until it is resumed.',
  async run(playground) {
    const commits = await manifestCommits(set)
    const { document } = await playground.trunkline('rollback', 'prod', '--to', 'v1.0.0')
    expectOutcome(document, 'succeeded')
    const [demo, prod] = [await environmentOf(playground, 'demo'), await environmentOf(playground, 'prod')]
    expect(prod.version === 'v1.0.0' && sameBytes(demo, prod), 'prod runs the bytes of v1.0.0, as demo does')
    expect((await manifestCommits(set)) === commits + 1, 'a rollback is one more commit')
    const subject = await expectOnlyDigests(set, 'prod')
    const stamps = await stampsIn(set, 'prod')
    expect((await deliver(playground, 'v1.1.1', 'waiting')).environments[0]?.name === 'prod', 'v1.1.1 waits')
    await playground.trunkline('resume', 'prod')
    return [`one commit: ${subject}`, await expectRunning(playground, set, 'prod'), ...stamps]
  },
})
