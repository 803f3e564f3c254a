/** From an empty account to production. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Plan } from '../../../model/index.ts'
import { type Chapter, expect } from '../../story.ts'
import { environmentOf, expectOutcome, sameBytes, short } from '../telling.ts'
import { awsConfiguration, type StageSet } from './stage-set.ts'
import {
  approve,
  artifactOf,
  commitAndPush,
  deliver,
  expectOneByOne,
  expectPages,
  previewed,
  seen,
  stacksOfTheExample,
} from './telling.ts'

export const oneClick = (set: () => StageSet): Chapter => ({
  name: 'Once per account: one click',
  tells:
    'A bucket, GitHub’s identity provider and four narrow roles, from one template. No key is stored anywhere afterwards.',
  async run(playground) {
    const { account } = set()
    const template = await readFile(join(playground.clone, 'infra/bootstrap.yaml'), 'utf8')
    const url = await account.publish('bootstrap.yaml', template)
    playground.show(`console.aws.amazon.com/cloudformation/home#/stacks/create/review`)
    playground.show(`    ?stackName=ec2-fleet-bootstrap&templateURL=…/bootstrap.yaml`)
    const outputs = await account.makeStack('ec2-fleet-bootstrap', url, { Repository: 'you/your-fork' })
    expect(
      outputs['Bucket'] === `ec2-fleet-artifacts-${account.lab.account}`,
      'the bucket is the one the example names',
    )
    const roles = Object.values(outputs).flatMap((value) => /:role\/(.+)$/.exec(value)?.[1] ?? [])
    return [
      `the stack ec2-fleet-bootstrap made the bucket ${outputs['Bucket']}`,
      `and the roles ${roles.map((role) => role.replace('ec2-fleet-', '')).join(', ')}`,
    ]
  },
})

export const rehearsal = (set: () => StageSet): Chapter => ({
  name: 'Tested, linted, built once, and rehearsed on this machine',
  tells:
    'The bundle that production will get, with the scripts that production will run (appspec.yml, deploy/), on our own fleet.',
  async run(playground) {
    const { port } = set().rehearsal
    await playground.git('push', '--quiet', 'origin', 'main')
    const { document } = await playground.trunkline('deliver')
    expectOutcome(document, 'succeeded')
    const page = await seen(`http://127.0.0.1:${port}/`)
    expect(/with release d-/.test(page), `the page says which release it is: ${page}`)
    expect((await playground.buildRecords()) === 1, 'one build')
    const web = artifactOf(await environmentOf(playground, 'rehearsal'), 'web')
    return [
      'npm test, npm run lint, npm run types: green; one build',
      `bundle ${short(web.slice('sha256:'.length))} is in S3; its own scripts run it at http://127.0.0.1:${port}/`,
    ]
  },
})

export const push = (set: () => StageSet): Chapter => ({
  name: 'One push: the infrastructure, then the application, in staging',
  tells:
    'trunkline.yaml speaks of the account now: five stacks, each with what those before it give, then CodeDeploy. The emulator makes every resource and knows its state; what it would do stays undone: no request passes the load balancer, PostgreSQL stores nothing.',
  async run(playground) {
    const { account } = set()
    await playground.git('mv', '--force', awsConfiguration, 'trunkline.yaml')
    await commitAndPush(playground, 'Deliver to AWS')
    await deliver(playground, 'waiting')
    const made = (await account.stacks()).flatMap(({ StackName = '', StackStatus }) =>
      StackStatus === 'CREATE_COMPLETE' ? [StackName] : [],
    )
    for (const stack of stacksOfTheExample) expect(made.includes(`ec2-fleet-staging-${stack}`), `${stack} is made`)
    const [deployment, ...others] = await account.deployments('staging')
    expect(deployment?.status === 'Succeeded' && others.length === 0, 'one deployment, and it went well')
    const instances = await expectOneByOne(account, deployment)
    const { key = '' } = deployment.revision?.s3Location ?? {}
    expect(
      key.startsWith('artifacts/blobs/sha256/'),
      `CodeDeploy took the bundle from where it was archived, not ${key}`,
    )
    expect((await playground.buildRecords()) === 1 + stacksOfTheExample.length, 'the application was not built again')
    expect((await account.deployments('production')).length === 0, 'production is asked first')
    return [
      `${stacksOfTheExample.join(', ')}: CREATE_COMPLETE, then web, by the group that fleet made`,
      'one instance at a time, as Auto Scaling launched them:',
      ...instances,
      `the bundle that was rehearsed: s3://…/${key.slice(0, 34)}…`,
      await expectPages(account, 'staging', 'Hello from the fleet'),
    ]
  },
})

export const approval = (set: () => StageSet): Chapter => ({
  name: 'Production is shown what would change, and asks',
  tells:
    'Change sets are made before anybody says yes, and the word is about that plan: what is carried out is this or nothing.',
  async run(playground) {
    const { account } = set()
    const before = await playground.buildRecords()
    const { document: plan } = await playground.trunkline<Plan>('plan')
    const changes = previewed(plan, 'production')
    expect(changes[0]?.startsWith('network: add AWS::EC2::VPC Vpc') === true, `network is previewed: ${changes.join()}`)
    const approved = await approve(playground)
    const [staging, production] = [
      await environmentOf(playground, 'staging'),
      await environmentOf(playground, 'production'),
    ]
    expect(sameBytes(staging, production), 'production runs the bytes of staging')
    expect((await playground.buildRecords()) === before, 'nothing was built')
    const [ofStaging] = await account.deployments('staging')
    const [deployment] = await account.deployments('production')
    expect(deployment?.revision?.s3Location?.key === ofStaging?.revision?.s3Location?.key, 'the very object of S3')
    expect(deployment !== undefined, 'there is a deployment')
    const instances = await expectOneByOne(account, deployment)
    return [
      ...changes,
      `plan ${short(approved)} was approved and carried out: 0 builds, same templates, same bundle`,
      ...instances,
      await expectPages(account, 'production', 'Hello from the fleet'),
    ]
  },
})
