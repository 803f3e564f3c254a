/** The shop's story: seven services from their first push through stage and demo to production, and the days after. */
import { join } from 'node:path'
import type { Plan } from '../../model/index.ts'
import type { EnvironmentStatus } from '../../reporting/index.ts'
import type { Playground } from '../playground.ts'
import { type Chapter, expect, type Story } from '../story.ts'
import { environmentOf, expectOutcome, sameBytes, short } from './telling.ts'

const serviceCount = 7
const replicas = 2

const firstDelivery: Chapter = {
  name: 'First delivery to stage',
  tells:
    'A push to main: seven services are checked and built once, rolled out to stage, and a purchase is made to verify them.',
  async run(playground) {
    await playground.git('push', '--quiet', 'origin', 'main')
    const { document } = await playground.trunkline('deliver')
    expectOutcome(document, 'succeeded')
    const stage = await environmentOf(playground, 'stage')
    expect(stage.services.length === serviceCount, `stage runs ${serviceCount} services`)
    expect(isWhole(stage), 'every instance in stage is ready')
    const builds = await playground.buildRecords()
    expect(builds === serviceCount, `each service was built once: ${builds} builds`)
    return [
      `${builds} services checked, built and live in stage: ${instancesOf(stage)} instances`,
      'a purchase went through from cart to confirmation',
    ]
  },
}

const promotionToDemo: Chapter = {
  name: 'rc-1 goes to demo, and nothing is rebuilt',
  tells: 'A tag promotes what stage has verified: the same bytes, by digest.',
  async run(playground) {
    const before = await playground.buildRecords()
    await tagAndPush(playground, 'rc-1')
    const { document } = await playground.trunkline('deliver', '--ref', 'rc-1')
    expectOutcome(document, 'succeeded')
    expect((await playground.buildRecords()) === before, 'nothing was built')
    const [stage, demo] = [await environmentOf(playground, 'stage'), await environmentOf(playground, 'demo')]
    expect(sameBytes(stage, demo), 'demo runs the bytes that stage verified')
    return ['0 builds', `demo runs the very artifacts of stage, release ${short(demo.release)}`]
  },
}

const approvedProduction: Chapter = {
  name: 'v1.0.0 waits for an approval, then goes to production',
  tells: 'Production asks for a word. An approval binds to exactly the plan that was shown.',
  async run(playground) {
    const promoted = await promote(playground, 'v1.0.0')
    const prod = await environmentOf(playground, 'prod')
    expect(prod.version === 'v1.0.0', 'prod runs v1.0.0')
    expect(isWhole(prod), 'every instance in prod is ready')
    return [
      `waited for an approval of plan ${short(promoted.plan)}`,
      `approved, and v1.0.0 is live in prod: ${instancesOf(prod)} instances`,
    ]
  },
}

const oneServiceChange: Chapter = {
  name: 'A change to one service',
  tells: 'Only what changed is built and replaced, and Trunkline can say why.',
  async run(playground) {
    const before = await playground.buildRecords()
    await playground.edit(
      'services/email/src/confirmation.ts',
      'Have a slow morning,',
      'Have a wonderfully slow morning,',
    )
    await playground.commit('Wish people an even slower morning')
    await playground.git('push', '--quiet', 'origin', 'main')
    const { document: plan } = await playground.trunkline<Plan>('plan')
    const toBuild = plan.services.filter((service) => service.action === 'build')
    expect(toBuild.length === 1 && toBuild[0]?.name === 'email', 'the plan builds email and nothing else')
    const why = toBuild[0]?.reasons.find((reason) => reason.file !== undefined)
    const { document } = await playground.trunkline('deliver')
    expectOutcome(document, 'succeeded')
    const built = (await playground.buildRecords()) - before
    expect(built === 1, `one service was built, not ${built}`)
    return [`1 of ${serviceCount} services built and replaced: email`, `because ${why?.message ?? 'its input changed'}`]
  },
}

const docsOnlyTag: Chapter = {
  name: 'A docs-only commit is tagged',
  tells: 'Any commit can be promoted. This one changes no service: production gets one line of history and no rollout.',
  async run(playground) {
    await promote(playground, 'v1.1.0')
    const before = {
      builds: await playground.buildRecords(),
      events: await playground.events('prod'),
      prod: await environmentOf(playground, 'prod'),
    }
    await playground.write('NOTES.md', '# Notes\n\nThe shop is open.\n')
    await playground.commit('Write down that the shop is open')
    await playground.git('push', '--quiet', 'origin', 'main')
    expectOutcome((await playground.trunkline('deliver')).document, 'succeeded')
    await tagAndPush(playground, 'v1.1.1')
    const { document } = await playground.trunkline('deliver', '--ref', 'v1.1.1')
    expectOutcome(document, 'succeeded')
    const prod = await environmentOf(playground, 'prod')
    expect((await playground.buildRecords()) === before.builds, 'nothing was built')
    expect((await playground.events('prod')) === before.events + 1, 'one ledger event')
    expect(
      prod.version === 'v1.1.1' && sameBytes(prod, before.prod),
      'prod is called v1.1.1 and runs the bytes of v1.1.0',
    )
    return [
      '0 builds, 0 instances replaced, 1 ledger event',
      document.environments[0]?.reasons[0]?.message ?? 'prod runs what it ran',
    ]
  },
}

const failedVerification: Chapter = {
  name: 'A commit fails verification in stage',
  tells:
    'Shipping renames its API. Every unit test is green, yet nobody can buy anything: stage notices, goes back, and bans the release.',
  async run(playground) {
    const before = await environmentOf(playground, 'stage')
    await playground.edit('services/shipping/src/main.ts', "'PUT /shipments/:order'", "'PUT /parcels/:order'")
    await playground.commit('Call shipments what they are: parcels')
    await playground.git('push', '--quiet', 'origin', 'main')
    const { document, exitCode } = await playground.trunkline('deliver')
    expectOutcome(document, 'failed')
    expect(exitCode === 1, 'deliver ends with exit code 1')
    const stage = await environmentOf(playground, 'stage')
    expect(stage.release === before.release && isWhole(stage), 'stage is back on what it ran, in full')
    await tagAndPush(playground, 'v1.2.0')
    const refused = await playground.trunkline('deliver', '--ref', 'v1.2.0')
    expectOutcome(refused.document, 'refused')
    expect(refused.exitCode === 3, 'its tag is refused with exit code 3')
    await playground.git('revert', '--no-edit', 'HEAD')
    await playground.git('push', '--quiet', 'origin', 'main')
    expectOutcome((await playground.trunkline('deliver')).document, 'succeeded')
    return [
      'stage noticed, is back on what it ran, and the release is yanked',
      `tag v1.2.0 is refused: ${refused.document.environments[0]?.reasons[0]?.message ?? 'yanked'}`,
      'a revert is just another commit: nothing was built for it',
    ]
  },
}

const rollbackInProduction: Chapter = {
  name: 'A rollback in production',
  tells: 'Someone does not like the new letters. Production goes back to v1.0.0, and routes leave it there.',
  async run(playground) {
    const { document } = await playground.trunkline('rollback', 'prod', '--to', 'v1.0.0')
    expectOutcome(document, 'succeeded')
    const prod = await environmentOf(playground, 'prod')
    expect(prod.version === 'v1.0.0' && isWhole(prod), 'prod runs v1.0.0 again, in full')
    const again = await playground.trunkline('deliver', '--ref', 'v1.1.1')
    expectOutcome(again.document, 'waiting')
    return ['prod runs v1.0.0 again: the bytes were there all along', 'its routes wait until `trunkline resume prod`']
  },
}

const killedControlPlane: Chapter = {
  name: 'The control plane is killed in the middle of a rollout',
  tells: 'SIGKILL, with a service half replaced. Services go on serving; the next run goes on where it was.',
  async run(playground) {
    await playground.edit('services/frontend/src/stylesheet.ts', 'body', '/* killed in the middle */ body')
    await playground.edit(
      'services/products/src/main.ts',
      "createLogger('products')",
      "createLogger('product-catalogue')",
    )
    const commit = await playground.commit('Touch up the front and the catalogue')
    await playground.git('push', '--quiet', 'origin', 'main')
    const { wasKilled } = await playground.killDuring(['deliver'], 'stage')
    expect(wasKilled, 'the control plane was killed during the rollout')
    const { document } = await playground.trunkline('deliver')
    expectOutcome(document, 'succeeded')
    const stage = await environmentOf(playground, 'stage')
    expect(stage.commit === commit && isWhole(stage), 'stage runs the commit, in full')
    return [
      'killed with SIGKILL while services were being replaced',
      'run again: the same deployment went on to its end',
    ]
  },
}

export const microservicesShop: Story = {
  example: 'microservices-shop',
  title: 'Seven services, from a push to production',
  scene: 'Real pushes, real processes, and people on it all the time.',
  route: { first: 'stage', last: 'prod' },
  frontDoor: { service: 'frontend', path: '/' },
  // The other environments' keys stand in dotenv files for all to read; production's comes from the outside.
  variables: (folder) => ({
    PROD_PAYMENT_KEY: 'key-of-the-demo',
    STAGE_DATA_DIR: join(folder, 'stage'),
    DEMO_DATA_DIR: join(folder, 'demo'),
    PROD_DATA_DIR: join(folder, 'prod'),
  }),
  chapters: [
    firstDelivery,
    promotionToDemo,
    approvedProduction,
    oneServiceChange,
    docsOnlyTag,
    failedVerification,
    rollbackInProduction,
    killedControlPlane,
  ],
}

/** Tags what main is, delivers the tag, approves what waits. */
async function promote(playground: Playground, version: string): Promise<{ plan: string }> {
  await tagAndPush(playground, version)
  expectOutcome((await playground.trunkline('deliver', '--ref', version)).document, 'waiting')
  const plan = (await environmentOf(playground, 'prod')).waiting?.plan ?? null
  expect(plan !== null, `${version} waits with a plan to approve`)
  expectOutcome((await playground.trunkline('approve', 'prod')).document, 'succeeded')
  return { plan }
}

async function tagAndPush(playground: Playground, name: string): Promise<void> {
  await playground.git('tag', name)
  await playground.git('push', '--quiet', 'origin', name)
}

const isWhole = (environment: EnvironmentStatus): boolean =>
  environment.services.every(
    (service) => service.instances?.ready === replicas && service.instances.desired === replicas,
  )

const instancesOf = (environment: EnvironmentStatus): number =>
  environment.services.reduce((sum, service) => sum + (service.instances?.ready ?? 0), 0)
