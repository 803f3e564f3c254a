/** Three services, three branches, three environments on a cluster: a merge carries the bytes on, and builds nothing. */
import { dirname } from 'node:path'
import type { Plan } from '../../model/index.ts'
import type { Playground } from '../playground.ts'
import { type Chapter, expect, type Story } from '../story.ts'
import { environmentOf, expectOutcome, sameBytes, short } from './telling.ts'

const services = ['discount', 'product', 'user']
const stages = { dev: 'development', stg: 'staging', prd: 'production' } as const
type Branch = keyof typeof stages

const firstPush: Chapter = {
  name: 'The first push to dev',
  tells: 'Three services are checked and built once, and installed with helm: one release of the chart for each.',
  async run(playground) {
    await playground.git('push', '--quiet', 'origin', 'dev')
    await deliver(playground, 'dev')
    const builds = await playground.buildRecords()
    expect(builds === services.length, `each service was built once: ${builds} builds`)
    await expectReady(playground, 'dev', { discount: 1, product: 1, user: 1 })
    const releases = await installed(playground, 'dev')
    expect(
      services.every((service) => releases.get(`${service}-app-development`)?.status === 'deployed'),
      'helm lists a release for each service',
    )
    return [`${builds} services checked, built and running`, `helm lists ${[...releases.keys()].join(', ')}`]
  },
}

const serviceFile: Chapter = {
  name: 'A file of one service',
  tells: 'It touches this service: one build, one release of the chart.',
  async run(playground) {
    await playground.edit('product/index.ts', "name: 'Tray'", "name: 'Beech tray'")
    await commitAndPush(playground, 'Say what the tray is made of')
    expect((await toBuild(playground)).join() === 'product', 'the plan builds product and nothing else')
    const before = await revisions(playground, 'dev')
    await deliver(playground, 'dev')
    const touched = await changedSince(playground, 'dev', before)
    expect(touched.join() === 'product', `helm upgraded product alone, not ${touched.join(', ')}`)
    return [
      'product was built and upgraded',
      'discount and user kept their bytes, their pods and their revision in helm',
    ]
  },
}

const commonFile: Chapter = {
  name: 'A common file',
  tells: 'It touches all three, as trunkline.yaml says under `shared`.',
  async run(playground) {
    await playground.edit('internal/service.ts', 'keepAliveMs = 75_000', 'keepAliveMs = 80_000')
    await commitAndPush(playground, 'Keep connections a little longer')
    expect((await toBuild(playground)).join() === services.join(), 'the plan builds all three')
    await deliver(playground, 'dev')
    return ['all three were built and upgraded, because of internal/service.ts']
  },
}

const mergeToStaging: Chapter = {
  name: 'A merge into stg',
  tells: 'Another branch, another commit, other values: the bytes are those that development has verified.',
  async run(playground) {
    const facts = await promote(playground, 'dev', 'stg')
    await expectReady(playground, 'stg', { discount: 2, product: 2, user: 2 })
    return facts
  },
}

const mergeToProduction: Chapter = {
  name: 'A merge into prd',
  tells: 'And so on to production, with the replicas and limits that its values say.',
  async run(playground) {
    const facts = await promote(playground, 'stg', 'prd')
    await expectReady(playground, 'prd', { discount: 3, product: 4, user: 3 })
    return facts
  },
}

const valuesOfOneStage: Chapter = {
  name: 'Values of one stage',
  tells: 'Production wants more of user. Its values travel through the branches, and concern production alone.',
  async run(playground) {
    const builds = await playground.buildRecords()
    const before = new Map<Branch, Map<string, number>>()
    for (const branch of ['dev', 'stg', 'prd'] as const) before.set(branch, await revisions(playground, branch))
    await playground.edit('cmd/user/manifest/values/production.yaml', 'replicas: 3', 'replicas: 5')
    await commitAndPush(playground, 'More of user in production')
    await deliver(playground, 'dev')
    await promote(playground, 'dev', 'stg')
    await promote(playground, 'stg', 'prd')
    const touched = await Promise.all(
      [...before].map(async ([branch, earlier]) => (await changedSince(playground, branch, earlier)).join()),
    )
    expect(touched.join('/') === '//user', `only user in production was upgraded, not ${touched.join('/')}`)
    expect((await playground.buildRecords()) === builds, 'nothing was built')
    await expectReady(playground, 'prd', { discount: 3, product: 4, user: 5 })
    return ['0 builds; development and staging: one line of history, no upgrade', 'production: 5 of user, nothing else']
  },
}

const brokenPods: Chapter = {
  name: 'Pods that do not come up',
  tells: 'A container that crashes at its start (the nodes of the lab play it where an annotation asks for it).',
  async run(playground) {
    const before = await environmentOf(playground, 'development')
    await playground.git('checkout', '--quiet', 'dev')
    await playground.edit(
      'cmd/discount/manifest/values/development.yaml',
      'replicas: 1\n',
      'replicas: 1\npodAnnotations: { trunkline.test/broken: "true" }\n',
    )
    await commitAndPush(playground, 'Break discount')
    const failed = await playground.trunkline('deliver', '--ref', 'dev')
    expectOutcome(failed.document, 'failed')
    expect(failed.exitCode === 1, 'deliver ends with exit code 1')
    const why = failed.document.environments[0]?.reasons.map(({ message }) => message).join('; ') ?? ''
    expect(/CrashLoopBackOff/.test(why), `the reason is told: ${why}`)
    const development = await environmentOf(playground, 'development')
    expect(development.release === before.release, 'development is back on the release before')
    await expectReady(playground, 'dev', { discount: 1, product: 1, user: 1 })
    await playground.git('revert', '--no-edit', 'HEAD')
    await playground.git('push', '--quiet', 'origin', 'dev')
    await deliver(playground, 'dev')
    return [why, `development went back to release ${short(before.release)} by itself, and a revert ended it`]
  },
}

export const branchPerEnvironment: Story = {
  example: 'branch-per-environment',
  title: 'A branch for each environment, on Kubernetes with helm',
  scene: 'Real pushes, a real control plane, helm and a registry. Containers are played, so nobody visits.',
  lab: ['cluster', 'registry'],
  branch: 'dev',
  route: { first: 'development', last: 'production' },
  frontDoor: null,
  // Its checks are TypeScript, which the Node that runs this understands.
  variables: (_folder, lab) => ({
    PATH: [...(lab?.tools ?? []), dirname(process.execPath), process.env['PATH'] ?? ''].join(':'),
  }),
  fit: (playground) => playground.change('trunkline.yaml', (text) => fittedToLab(text, playground.lab?.registry ?? '')),
  chapters: [firstPush, serviceFile, commonFile, mergeToStaging, mergeToProduction, valuesOfOneStage, brokenPods],
}

/**
 * The example's configuration for the lab, whose nodes do not look into an image: the files alone will do, and no base has
 * to be fetched.
 */
export function fittedToLab(configuration: string, registry: string): string {
  return configuration
    .replace('registry.example.com', registry)
    .replaceAll(
      /\{ dockerfile: cmd\/(\w+)\/Dockerfile, context: \. \}/g,
      (_whole, service: string) => `{ base: scratch, from: ., entrypoint: [node, cmd/${service}/main.ts] }`,
    )
}

async function commitAndPush(playground: Playground, message: string): Promise<void> {
  await playground.git('checkout', '--quiet', 'dev')
  await playground.commit(message)
  await playground.git('push', '--quiet', 'origin', 'dev')
}

async function deliver(playground: Playground, branch: Branch): Promise<void> {
  expectOutcome((await playground.trunkline('deliver', '--ref', branch)).document, 'succeeded')
}

/** Merges one branch into the next, as people do, and delivers that one. */
async function promote(playground: Playground, from: Branch, to: Branch): Promise<string[]> {
  const builds = await playground.buildRecords()
  const isNew = (await playground.git('branch', '--list', to)) === ''
  const firstCommit = await playground.git('rev-list', '--max-parents=0', 'HEAD')
  await playground.git('checkout', '--quiet', ...(isNew ? ['-b', to, firstCommit] : [to]))
  playground.show(`$ git checkout ${to} && git merge ${from}`)
  await playground.git('merge', '--quiet', '--no-ff', '--message', `Merge ${from} into ${to}`, from)
  await playground.git('push', '--quiet', 'origin', to)
  await deliver(playground, to)
  await playground.git('checkout', '--quiet', 'dev')
  expect((await playground.buildRecords()) === builds, 'nothing was built')
  const [before, after] = [await environmentOf(playground, stages[from]), await environmentOf(playground, stages[to])]
  expect(sameBytes(before, after), `${stages[to]} runs the bytes that ${stages[from]} verified`)
  const releases = await installed(playground, to)
  expect(releases.size === services.length, `helm lists ${services.length} releases in ${stages[to]}`)
  return ['0 builds', `${stages[to]} runs the digests of ${stages[from]}, of another commit: ${short(after.commit)}`]
}

/** Services that a delivery of what is checked out would build. */
async function toBuild(playground: Playground): Promise<string[]> {
  const { document } = await playground.trunkline<Plan>('plan', '--ref', 'dev')
  return document.services.flatMap(({ name, action }) => (action === 'build' ? [name] : [])).sort()
}

type Installed = Map<string, { revision: number; status: string }>

/** What `helm list` shows of an environment. */
async function installed(
  playground: Playground,
  branch: Branch,
  list: Playground['tool'] = playground.tool,
): Promise<Installed> {
  const namespace = `shop-${stages[branch]}`
  const listed = JSON.parse(await list('helm', 'list', '--namespace', namespace, '--output', 'json'))
  return new Map(
    (listed as Array<{ name: string; revision: string; status: string }>).map(({ name, revision, status }) => [
      name,
      { revision: Number(revision), status },
    ]),
  )
}

async function revisions(playground: Playground, branch: Branch): Promise<Map<string, number>> {
  return new Map(
    [...(await installed(playground, branch, playground.quietTool))].map(([name, { revision }]) => [name, revision]),
  )
}

/** Services whose release of the chart was upgraded since. */
async function changedSince(playground: Playground, branch: Branch, before: Map<string, number>): Promise<string[]> {
  const now = await revisions(playground, branch)
  return services.filter((service) => {
    const name = `${service}-app-${stages[branch]}`
    return now.get(name) !== before.get(name)
  })
}

async function expectReady(playground: Playground, branch: Branch, pods: Record<string, number>): Promise<void> {
  const environment = await environmentOf(playground, stages[branch])
  for (const [name, count] of Object.entries(pods)) {
    const instances = environment.services.find((service) => service.name === name)?.instances
    expect(
      instances?.ready === count && instances.desired === count,
      `${count} pods of ${name} are ready in ${stages[branch]}, not ${instances?.ready ?? 'none'}`,
    )
  }
}
