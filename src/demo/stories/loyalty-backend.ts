/** Hasura, functions on Knative, releases from branches: a rebase gives commits new names, and the bytes stay. */
import { dirname } from 'node:path'
import type { Plan } from '../../model/index.ts'
import type { Lab } from '../lab.ts'
import type { Playground } from '../playground.ts'
import { type Chapter, expect, type Story } from '../story.ts'
import { environmentOf, expectOutcome, sameBytes, short } from './telling.ts'

const serviceCount = 4
const overlay = 'deploy/prod/app/kustomization.yaml'

const firstRelease: Chapter = {
  name: 'A push to releases/1.1.0-stag',
  tells:
    'Images are built once. Hasura is rolled out, then migrations and metadata run in the release’s own image, then the functions.',
  async run(playground) {
    await playground.git('checkout', '--quiet', '-b', 'releases/1.1.0-stag', 'master')
    await playground.git('push', '--quiet', 'origin', 'releases/1.1.0-stag')
    await deliver(playground, 'releases/1.1.0-stag')
    const builds = await playground.buildRecords()
    expect(builds === serviceCount, `each of ${serviceCount} artifacts was built once: ${builds} builds`)
    const steps = await history(playground, 'stag')
    const wanted = 'started hook-started hook-ended hook-started hook-ended verified succeeded'
    expect(steps.join(' ') === wanted, `the history says ${wanted}, not ${steps.join(' ')}`)
    const said = await slackSays(playground)
    expect(said.length === 2, `Slack was told of the start and of the end: ${said.length} messages`)
    return [
      `${builds} images built`,
      'Hasura, then its migrations and metadata, then the rest',
      'Slack: started, succeeded',
    ]
  },
}

const oneOffJobs: Chapter = {
  name: 'Seeds and a one-off job',
  tells: 'They run in the image of the release that runs there, with its variables.',
  async run(playground) {
    for (const task of ['seed', 'update-images', 'check-hasura']) {
      const { exitCode } = await playground.trunkline<unknown>('run', 'stag', task)
      expect(exitCode === 0, `the task ${task} succeeds`)
    }
    return ['rewards and guests seeded, pictures updated; Hasura’s metadata is consistent']
  },
}

const toProduction: Chapter = {
  name: 'releases/1.1.0-prod',
  tells: 'What staging has verified goes live. Production gets a commit of its own, of what it alone sees.',
  async run(playground) {
    const builds = await playground.buildRecords()
    await playground.git('checkout', '--quiet', '-b', 'releases/1.1.0-prod', 'releases/1.1.0-stag')
    await playground.git('push', '--quiet', 'origin', 'releases/1.1.0-prod')
    await deliver(playground, 'releases/1.1.0-prod')
    await playground.edit(overlay, 'count: 2', 'count: 3')
    await playground.commit('More of the app in production')
    await playground.git('push', '--quiet', 'origin', 'releases/1.1.0-prod')
    await deliver(playground, 'releases/1.1.0-prod')
    const prod = await environmentOf(playground, 'prod')
    const app = prod.services.find(({ name }) => name === 'app')?.instances
    expect(app?.ready === 3, `3 pods of the app are ready in production, not ${app?.ready}`)
    expect((await playground.buildRecords()) === builds, 'nothing was built')
    return ['0 builds, and no new staging for what production alone sees']
  },
}

const rebased: Chapter = {
  name: '1.1.1, rebased twice',
  tells:
    'A function and a migration change on master. Both release branches are rebased, so that commits get new names.',
  async run(playground) {
    await playground.git('checkout', '--quiet', 'master')
    await playground.edit('functions/src/triggers/purchase-paid.ts', 'no event of a', 'not the event of a')
    const migration = 'hasura/migrations/default/1772000000000_reward_note'
    await playground.tool('mkdir', migration)
    await playground.write(`${migration}/down.sql`, 'ALTER TABLE reward DROP COLUMN note;\n')
    await playground.write(`${migration}/up.sql`, 'ALTER TABLE reward ADD COLUMN note text;\n')
    await playground.commit('Notes on rewards')
    await playground.git('push', '--quiet', 'origin', 'master')
    await branchOff(playground, 'releases/1.1.1-stag', { from: 'releases/1.1.0-stag', onto: 'master' })
    await deliver(playground, 'releases/1.1.1-stag')
    const builds = await playground.buildRecords()
    expect(builds === serviceCount + 2, `functions and hasura were built, and nothing else: ${builds} builds in all`)

    await branchOff(playground, 'releases/1.1.1-prod', { from: 'releases/1.1.0-prod', onto: 'releases/1.1.1-stag' })
    const [wanted, found] = [
      await planned(playground, 'releases/1.1.1-stag'),
      await planned(playground, 'releases/1.1.1-prod'),
    ]
    expect(JSON.stringify(wanted) === JSON.stringify(found), 'both branches have the same input hashes')
    expect(
      found.every(({ action }) => action === 'reuse'),
      'everything is there already',
    )
    await deliver(playground, 'releases/1.1.1-prod')
    const [stag, prod] = [await environmentOf(playground, 'stag'), await environmentOf(playground, 'prod')]
    expect(stag.commit !== prod.commit, 'the commits differ')
    expect(sameBytes(stag, prod), 'production runs the bytes that staging has verified')
    expect((await playground.buildRecords()) === builds, 'nothing was built')
    const app = prod.services.find(({ name }) => name === 'app')?.instances
    expect(app?.ready === 3, `what production alone sees is still there: 3 pods of the app, not ${app?.ready}`)
    const hooks = (await history(playground, 'prod')).filter((kind) => kind === 'hook-ended')
    expect(
      hooks.length === 4,
      `migrations and metadata ran with 1.1.0 and with 1.1.1, not ${hooks.length} hooks in all`,
    )
    return [
      `commit ${short(stag.commit)} in staging, ${short(prod.commit)} in production: the same digests, 0 builds`,
      'the migration ran in both, once each',
    ]
  },
}

export const loyaltyBackend: Story = {
  example: 'loyalty-backend',
  title: 'Releases from branches, rebased: Hasura, Knative, Kong',
  scene:
    'A real control plane with Knative, a real registry and PostgreSQL. Hasura and Slack are stood in for; of Kong there are only its objects.',
  lab: ['cluster', 'registry', 'knative', 'jobs', 'hasura', 'slack'],
  branch: 'master',
  route: { first: 'stag', last: 'prod' },
  frontDoor: null,
  variables: (_folder, lab) => ({
    // Its checks are TypeScript, which the Node that runs this understands.
    PATH: [...(lab?.tools ?? []), dirname(process.execPath), process.env['PATH'] ?? ''].join(':'),
    SLACK_WEBHOOK: lab?.standIns['slack'] ?? '',
    ...variablesOf('stag', lab),
    ...variablesOf('prod', lab),
  }),
  async fit(playground) {
    await playground.edit('trunkline.yaml', 'oci://registry.example.com/', `oci://${playground.lab?.registry}/`)
  },
  chapters: [firstRelease, oneOffJobs, toProduction, rebased],
}

function variablesOf(environment: string, lab: Lab | null): Record<string, string> {
  const values = {
    HASURA_URL: lab?.standIns[`hasura/${environment}`] ?? '',
    HASURA_GRAPHQL_ADMIN_SECRET: 'local',
    HASURA_GRAPHQL_DATABASE_URL: 'postgresql://loyalty@postgres/loyalty',
    HASURA_GRAPHQL_JWT_SECRET: '{"type":"RS256","jwk_url":"https://cognito.example.com/jwks.json"}',
    FUNCTIONS_SECRET: `between Hasura and functions in ${environment}`,
  }
  const prefix = `${environment.toUpperCase()}_`
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + name, value]))
}

async function deliver(playground: Playground, branch: string): Promise<void> {
  expectOutcome((await playground.trunkline('deliver', '--ref', branch)).document, 'succeeded')
}

/** As the README says: a new branch from the last release's, rebased. */
async function branchOff(playground: Playground, name: string, { from, onto }: { from: string; onto: string }) {
  await playground.git('checkout', '--quiet', '-b', name, from)
  playground.show(`$ git rebase ${onto}`)
  await playground.git('rebase', '--quiet', onto)
  await playground.git('push', '--quiet', 'origin', name)
}

/** What a delivery of a branch would build, and from which inputs. */
async function planned(playground: Playground, branch: string) {
  const { document } = await playground.trunkline<Plan>('plan', '--ref', branch)
  return document.services.map(({ name, inputHash, action }) => ({ name, inputHash, action }))
}

/** Kinds of an environment's events, oldest first. */
async function history(playground: Playground, environment: string): Promise<string[]> {
  const { document } = await playground.trunkline<{ events: Array<{ seq: number; kind: string }> }>('log', environment)
  return document.events.toSorted((one, other) => one.seq - other.seq).map(({ kind }) => kind)
}

async function slackSays(playground: Playground): Promise<string[]> {
  const answer = await fetch(playground.lab?.standIns['slack'] ?? '', { signal: playground.signal })
  return (await answer.json()) as string[]
}
