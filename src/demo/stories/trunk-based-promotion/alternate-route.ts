/** Steps 3b, 4b and 5b: the route by `release/*` branches, for those who must; not the one that is recommended. */
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Chapter, expect } from '../../story.ts'
import type { StageSet } from './stage-set.ts'
import {
  artifactsOf,
  deliver,
  environmentOf,
  expectOnlyDigests,
  expectRunning,
  pushMain,
  pushTag,
  sameBytes,
  whyOf,
} from './telling.ts'

export const releaseBranches = (set: StageSet): Chapter => ({
  name: 'The alternate route: a hotfix by way of release/1.0',
  tells:
    'Production shall have a fix and nothing else of main. It is cherry-picked onto a release branch, which feeds demo; a tag there feeds production.',
  async run(playground) {
    await copyFile(join(playground.clone, 'release-branches/trunkline.yaml'), join(playground.clone, 'trunkline.yaml'))
    await playground.commit('Follow release branches')
    await playground.edit('services/orders/src/catalogue.ts', "'Sourdough'", "'Sourdough, large'")
    await playground.commit('Bake larger loaves, from Monday on')
    await playground.edit(
      'services/notifications/src/letter.ts',
      'Thank you for your order.',
      'Thank you, and good morning.',
    )
    const hotfix = await playground.commit('Mend the greeting')
    await pushMain(playground)

    await playground.git('checkout', '--quiet', '-b', 'release/1.0', 'v1.0.0')
    await playground.git('cherry-pick', hotfix)
    await playground.git('push', '--quiet', 'origin', 'release/1.0')
    const before = await playground.buildRecords()
    await deliver(playground, 'release/1.0', 'succeeded')
    const built = (await playground.buildRecords()) - before
    const [stage, demo] = [await environmentOf(playground, 'stage'), await environmentOf(playground, 'demo')]
    const old = await environmentOf(playground, 'prod')
    expect(built === 1, `only what is new on the branch was built: ${built} builds`)
    expect(artifactsOf(demo)['orders'] === artifactsOf(old)['orders'], 'orders is the image of v1.0.0')
    expect(!sameBytes(demo, stage), 'demo runs what stage never saw')
    await expectOnlyDigests(set, 'demo')

    await pushTag(playground, 'v1.0.1')
    const prod = await environmentOf(playground, 'prod')
    expect(prod.version === 'v1.0.1' && sameBytes(demo, prod), 'prod runs what demo verified')
    await playground.git('checkout', '--quiet', 'main')
    const early = await pushTag(playground, 'v1.2.0', 'waiting')
    return [
      `release/1.0 cost a build that main knows nothing of: ${built}; orders is still the image of v1.0.0`,
      'a tag on it brought these bytes to production: v1.0.1',
      `a tag on main has to wait now: ${whyOf(early)[0]}`,
      await expectRunning(playground, set, 'prod'),
    ]
  },
})
