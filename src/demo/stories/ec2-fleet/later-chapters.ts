/** The days after: infrastructure alone, what would lose data, what does not come up, and the way back. */
import type { Plan } from '../../../model/index.ts'
import { type Chapter, expect } from '../../story.ts'
import { environmentOf, expectOutcome, short } from '../telling.ts'
import type { StageSet } from './stage-set.ts'
import { approve, artifactOf, commitAndPush, deliver, expectPages, previewed } from './telling.ts'

export const tunedAlarm = (set: () => StageSet): Chapter => ({
  name: 'A change of the infrastructure alone',
  tells:
    'An alarm shall ring earlier. One property of one resource is changed, the application is left alone, and production asks again.',
  async run(playground) {
    const { account } = set()
    const deployments = async () =>
      (await Promise.all(['staging', 'production'].map((name) => account.deployments(name)))).flat().length
    const before = await deployments()
    await playground.edit('infra/watch.yaml', 'Threshold: 1\n', 'Threshold: 0.5\n')
    await commitAndPush(playground, 'Call half a second slow')
    await deliver(playground, 'waiting')
    const { document: plan } = await playground.trunkline<Plan>('plan')
    const changes = previewed(plan, 'production')
    expect(
      changes.length === 1 && /^watch: change AWS::CloudWatch::Alarm SlowAnswers/.test(changes[0] ?? ''),
      changes.join(),
    )
    await approve(playground)
    expect((await deployments()) === before, 'CodeDeploy had nothing to do')
    return [`shown: ${changes[0]}`, 'approved and done; no instance was touched']
  },
})

export const replacedDatabase = (set: () => StageSet): Chapter => ({
  name: 'A change that would replace the database',
  tells:
    'Somebody gives it a name. CloudFormation would make a new one, and leave all visits in a snapshot of the old. Staging asks nobody as a rule; now it does.',
  async run(playground) {
    const { account } = set()
    const stacks = async () =>
      (await account.stacks()).map((stack) => `${stack.StackName} ${stack.LastUpdatedTime?.toISOString()}`).join()
    const before = await stacks()
    await playground.edit(
      'infra/data.yaml',
      '    UpdateReplacePolicy: Snapshot\n    Properties:\n      Engine: postgres\n',
      '    UpdateReplacePolicy: Snapshot\n    Properties:\n      DBInstanceIdentifier: visits\n      Engine: postgres\n',
    )
    await commitAndPush(playground, 'Give the database a name')
    const waits = await deliver(playground, 'waiting')
    const why = waits.environments.find(({ name }) => name === 'staging')?.reasons.map(({ message }) => message) ?? []
    await playground.trunkline('reject', 'staging')
    await playground.git('revert', '--no-edit', 'HEAD')
    await playground.git('push', '--quiet', 'origin', 'main')
    await deliver(playground, 'succeeded')
    const after = await stacks()
    expect(after === before, 'no stack was touched')
    expect(why.length === 2, `staging waits for an approval, and says what would be lost: ${why.join('; ')}`)
    return [...why, 'turned down, and reverted: no stack was touched']
  },
})

export const brokenRelease = (set: () => StageSet): Chapter => ({
  name: 'A release that does not come up',
  tells:
    'A script looks for the build in the wrong folder, and no test knows. The first instance fails, the second is left alone, and CodeDeploy goes back by itself.',
  async run(playground) {
    const { account } = set()
    const before = await environmentOf(playground, 'staging')
    await playground.edit('deploy/install.sh', '"$bundle/dist/."', '"$bundle/build/."')
    const commit = await commitAndPush(playground, 'Tidy up the installation')
    const failed = await playground.trunkline('deliver')
    expectOutcome(failed.document, 'failed')
    expect(failed.exitCode === 1, 'deliver ends with exit code 1')
    const why = failed.document.environments[0]?.reasons.map(({ message }) => message) ?? []
    const deployments = await account.deployments('staging')
    const [broken, back] = deployments.slice(-2)
    expect(broken?.status === 'Failed' && back?.status === 'Succeeded', 'one failed, and one brought the old one back')
    expect(back.creator === 'codeDeployRollback', 'CodeDeploy went back by itself, and nobody did it twice')
    const [first, ...others] = await account.instances(broken)
    expect(first?.status === 'Failed' && others.every(({ status }) => status === 'Skipped'), 'only one was tried')
    const staging = await environmentOf(playground, 'staging')
    expect(artifactOf(staging, 'web') === artifactOf(before, 'web'), 'staging runs what it ran')
    const pages = await expectPages(account, 'staging', 'Hello from the fleet')
    const refused = await playground.trunkline('deploy', 'production', short(commit))
    expectOutcome(refused.document, 'refused')
    await playground.git('revert', '--no-edit', 'HEAD')
    await playground.git('push', '--quiet', 'origin', 'main')
    await deliver(playground, 'succeeded')
    return [
      `${why[0]}`,
      `the other one (${others.map(({ targetId }) => targetId).join(', ')}) was left alone, and CodeDeploy brought back what ran`,
      pages,
      `production refuses it: ${refused.document.environments[0]?.reasons[0]?.message}`,
    ]
  },
})

export const wayBack = (set: () => StageSet): Chapter => ({
  name: 'Production goes back',
  tells:
    'A new greeting is approved, and nobody likes it. The way back is a deployment of the bundle that ran before; it is still in S3.',
  async run(playground) {
    const { account } = set()
    const before = artifactOf(await environmentOf(playground, 'production'), 'web')
    await playground.change('app/src/page.ts', (text) => text.replaceAll('Hello from the fleet', 'Ahoy from the fleet'))
    await commitAndPush(playground, 'Greet like sailors')
    await deliver(playground, 'waiting')
    await approve(playground)
    const ahoy = await expectPages(account, 'production', 'Ahoy from the fleet')
    const builds = await playground.buildRecords()
    expectOutcome((await playground.trunkline('rollback', 'production')).document, 'succeeded')
    expect((await playground.buildRecords()) === builds, 'nothing was built')
    const production = await environmentOf(playground, 'production')
    expect(artifactOf(production, 'web') === before, 'production runs the bundle of before')
    return [ahoy, `0 builds; back again, ${await expectPages(account, 'production', 'Hello from the fleet')}`]
  },
})
