/** One way, or several, to break each promise on purpose. */
import { parse } from 'yaml'
import { type CommitId, type Fingerprint, isStaged, type Project, passed } from '../../src/model/index.ts'
import type { StateStore, Target, World } from '../../src/ports/index.ts'
import type { Violation } from './checkers/index.ts'
import type { Sabotage } from './sabotage.ts'
import { configurationOf, firstFleetShape, firstOrderedShape, secretMark, shapeCount, shapeOf } from './shop.ts'
import { type Act, calm, noFate, type Story, writeStory } from './story.ts'
import { trustMutations } from './trust-sabotages.ts'

export type Mutation = {
  what: string
  breaks: Violation['invariant']
  sabotage: Sabotage
  /** Where chance would take long to bring it about. */
  stories?: readonly Story[]
}

const never = new Promise<never>(() => {})

/** Reads documents of the state otherwise than they are. */
const misreads = (change: (path: string, document: Record<string, unknown>) => unknown): Sabotage => ({
  world(world) {
    const state: StateStore = {
      ...world.state,
      async readFiles(commit, paths) {
        const files = await world.state.readFiles(commit, paths)
        const changed = [...files].flatMap(([path, text]): Array<[string, string]> => {
          const document = change(path, JSON.parse(text))
          return document === null ? [] : [[path, JSON.stringify(document)]]
        })
        return new Map(changed)
      },
    }
    return { ...world, state }
  },
})

/** Takes trunk's policy for something else. */
const misjudges = (
  change: (environment: Project['environments'][string]) => Project['environments'][string],
): Sabotage => ({
  world: (world) => ({
    ...world,
    async projectAt(commit: CommitId) {
      const project = await world.projectAt(commit)
      const environments = Object.entries(project.environments).map(([name, known]) => [name, change(known)] as const)
      return { ...project, environments: Object.fromEntries(environments) }
    },
  }),
})

const withTarget = (change: (target: Target, world: World) => Target): Sabotage => ({
  world: (world) => ({
    ...world,
    target: async (policy, name) => change(await world.target(policy, name), world),
  }),
})

type Configuration = {
  environments: Record<
    string,
    {
      approval?: { quorum?: number }
      after?: unknown
      windows?: unknown
      hooks?: { before: Array<{ irreversible?: boolean }>; rollback: unknown[] }
    }
  >
}

/** Shops where a hook comes between services. */
const amongServices = Array.from({ length: 4000 }, (_, seed) => writeStory(seed, 0)).filter(
  ({ shape }) => shape >= firstOrderedShape,
)

/** The first shop of a kind. */
function shopWhere(isIt: (configuration: Configuration) => boolean): number {
  for (let shape = 0; shape < shapeCount; shape++) {
    if (shapeOf(shape).environments.length === 2 && isIt(parse(configurationOf(shape, 0)))) return shape
  }
  throw new Error('there is no such shop')
}

const written = (shape: number, acts: ReadonlyArray<readonly [seconds: number, who: number, act: Act]>): Story => ({
  seed: 1,
  shape,
  variety: 0,
  rates: calm,
  faults: [],
  actions: acts.map(([seconds, who, act], id) => ({ id, atMs: seconds * 1000, who, act, fate: noFate })),
})

const code = (service: number): Act => ({
  kind: 'push',
  branch: 'main',
  change: { kind: 'code', service },
  mends: false,
})
const deliver = (push: number): Act => ({ kind: 'deliver', push })
const rollback: Act = { kind: 'rollback', environment: 'stage', back: null, force: false }

/** A secret changes between the first and the second approval. */
const approvedByTwo = written(
  shopWhere(({ environments: { prod } }) => prod?.approval?.quorum === 2 && prod.after === 'stage' && !prod.windows),
  [
    [0, 0, code(0)],
    [1, 0, deliver(0)],
    [200, 0, { kind: 'tag', prefix: 'v', back: 0, branch: 'main' }],
    [201, 0, deliver(2)],
    [300, 1, { kind: 'approve', environment: 'prod' }],
    [400, 0, { kind: 'change-secret', environment: 'prod' }],
    [410, 2, { kind: 'approve', environment: 'prod' }],
    [500, 1, { kind: 'advance' }],
  ],
)

/** Back by hand, and then its delivery runs once more. */
const rolledBackAndDelivered = written(0, [
  [0, 0, code(0)],
  [1, 0, deliver(0)],
  [200, 0, code(0)],
  [201, 0, deliver(2)],
  [400, 1, rollback],
  [500, 0, deliver(2)],
])

/** Back by hand, past a hook that cannot be undone. */
const rolledBackPastMigration = written(
  shopWhere(({ environments: { stage } }) => stage?.hooks?.before[0]?.irreversible === true),
  [
    [0, 0, code(1)],
    [1, 0, deliver(0)],
    [200, 0, code(1)],
    [201, 0, deliver(2)],
    [400, 1, rollback],
  ],
)

const isState = (path: string): boolean => path === 'state.json'

/** On fleets, in stages. */
const inStages = Array.from({ length: 600 }, (_, seed) => writeStory(seed, 10)).filter(
  ({ shape }) => shape >= firstFleetShape,
)

export const mutations: readonly Mutation[] = [
  {
    what: 'records of builds are not seen',
    breaks: 1,
    sabotage: misreads((path, document) => (path.startsWith('builds/') ? null : document)),
  },
  {
    what: 'a promotion takes itself for the first environment',
    breaks: 2,
    sabotage: misjudges((environment) => ({ ...environment, after: [] })),
  },
  {
    what: 'input hashes vary by machine',
    breaks: 3,
    sabotage: { world: (world) => ({ ...world, builder: { ...world.builder, platform: world.holder.id } }) },
  },
  {
    what: 'what stands upstream is not asked',
    breaks: 4,
    sabotage: misjudges((environment) => ({ ...environment, after: [] })),
  },
  {
    what: 'bans are not seen',
    breaks: 5,
    sabotage: misreads((path, document) => (path === 'yanks.json' ? { ...document, yanks: [] } : document)),
  },
  {
    what: 'a lease is taken from whoever has it',
    breaks: 6,
    sabotage: misreads((path, document) => (path === 'lease.json' ? { ...document, holder: null } : document)),
  },
  {
    what: 'the compare-and-swap lies about leases',
    breaks: 6,
    sabotage: { pushesOver: (updates) => updates.some(({ ref }) => ref.includes('/lease/')) },
  },
  {
    what: 'a ref that moved on is not noticed',
    breaks: 6,
    sabotage: {
      world: (world) => {
        const first = new Map<string, CommitId | null>()
        return {
          ...world,
          source: {
            ...world.source,
            async remoteRefs(refs, signal) {
              const answer = await world.source.remoteRefs(refs, signal)
              for (const [ref, tip] of answer.tips) if (!first.has(ref)) first.set(ref, tip)
              return answer
            },
            remoteTip: async (ref, signal) => first.get(ref) ?? (await world.source.remoteTip(ref, signal)),
          },
        }
      },
    },
  },
  { what: 'platforms let stale controllers in', breaks: 7, sabotage: { isFenceOpen: true } },
  {
    what: 'instances stop without draining',
    breaks: 7,
    sabotage: { skipsDraining: true },
  },
  {
    what: 'jobs have no keys',
    breaks: 8,
    sabotage: withTarget((target, world) => ({
      ...target,
      runJob: (job, context) => target.runJob({ ...job, key: `${job.key}/${world.random.hex(4)}` }, context),
    })),
  },
  {
    what: 'the start of a hook is not written down',
    breaks: 8,
    sabotage: {
      engine: (engine) => {
        const { append } = engine.ledger
        const ledger: typeof engine.ledger = {
          ...engine.ledger,
          append: (position, events, lease, signal) =>
            append(
              position,
              events.filter(({ kind }) => kind !== 'hook-started'),
              lease,
              signal,
            ),
        }
        return { ...engine, ledger }
      },
    },
  },
  {
    what: 'approvals are not asked for',
    breaks: 9,
    sabotage: misjudges((environment) => ({ ...environment, approval: null })),
  },
  {
    what: 'the plan does not cover secrets',
    breaks: 9,
    stories: [approvedByTwo],
    sabotage: withTarget((target) => ({
      ...target,
      fingerprint: async (variables) =>
        Object.fromEntries(Object.keys(variables).map((service) => [service, 'the same' as Fingerprint])),
    })),
  },
  {
    what: 'that people rolled back from a release is forgotten',
    breaks: 10,
    stories: [rolledBackAndDelivered],
    sabotage: misreads((path, document) => (isState(path) ? { ...document, passedOver: [] } : document)),
  },
  {
    what: 'that a hook cannot be undone is forgotten',
    breaks: 10,
    stories: [rolledBackPastMigration],
    sabotage: misreads((path, document) => {
      if (!isState(path)) return document
      const deployment = document['deployment'] as { hooks: Record<string, object> } | null
      if (deployment === null) return { ...document, irreversible: [] }
      const hooks = Object.entries(deployment.hooks).map(([key, hook]) => [key, { ...hook, irreversible: false }])
      return { ...document, irreversible: [], deployment: { ...deployment, hooks: Object.fromEntries(hooks) } }
    }),
  },
  {
    what: 'a build sees a file more',
    breaks: 11,
    sabotage: {
      world: (world) => ({
        ...world,
        builder: {
          ...world.builder,
          build: (request, context) => {
            const [first] = request.files
            const files = first === undefined ? [] : [...request.files, { ...first, path: 'README.md' }]
            return world.builder.build({ ...request, files }, context)
          },
        },
      }),
    },
  },
  {
    what: 'a branch is taken for trunk',
    breaks: 12,
    sabotage: {
      world: (world) => ({
        ...world,
        source: {
          ...world.source,
          async remoteRefs(refs, signal) {
            const { tips } = await world.source.remoteRefs(refs, signal)
            const [asked] = refs
            const tip = asked === undefined ? undefined : tips.get(asked)
            return {
              head: 'refs/heads/main',
              tips: tip === undefined ? tips : new Map([...tips, ['refs/heads/main', tip]]),
            }
          },
        },
      }),
    },
  },
  {
    what: 'a secret is in a name',
    breaks: 13,
    sabotage: { world: (world) => ({ ...world, actor: { ...world.actor, name: `${secretMark}-stage-0` } }) },
  },
  {
    what: 'output is not masked',
    breaks: 13,
    sabotage: {
      world: (world) => ({
        ...world,
        builder: {
          ...world.builder,
          async runInCheckout(request, context) {
            const verdict = await world.builder.runInCheckout(request, context)
            // Past the masker: the secret in a form it cannot know.
            return verdict.ok
              ? verdict
              : { ...verdict, reasons: [{ code: 'leak', message: `${secretMark}-of-nobody` }] }
          },
        },
      }),
    },
  },
  {
    what: 'plans lose their reasons',
    breaks: 14,
    sabotage: {
      world: (world) => ({
        ...world,
        progress: (event) =>
          world.progress(
            'steps' in event ? { ...event, steps: event.steps.map((step) => ({ ...step, reasons: [] })) } : event,
          ),
      }),
    },
  },
  {
    what: 'the compare-and-swap lies about histories',
    breaks: 'ledger',
    sabotage: { pushesOver: (updates) => updates.some(({ ref }) => ref.includes('/env/')) },
  },
  {
    what: 'what waits is forgotten',
    breaks: 'liveness',
    sabotage: misreads((path, document) => (isState(path) ? { ...document, waiting: null } : document)),
  },
  {
    what: 'who sleeps never wakes',
    breaks: 'liveness',
    sabotage: {
      world: (world) => ({
        ...world,
        clock: {
          ...world.clock,
          sleep: (ms, signal) => (ms > 2000 && ms < 4000 ? never : world.clock.sleep(ms, signal)),
        },
      }),
    },
  },
  {
    what: 'a record is said to be pushed, and is not',
    breaks: 'liveness',
    sabotage: { dropsPush: (ref) => ref.endsWith('/builds') },
  },
  {
    what: 'stages are not verified',
    breaks: 'stages',
    stories: inStages,
    sabotage: withTarget((target) => ({
      ...target,
      ensure: (request, context) => target.ensure(request, { ...context, verifyStage: async () => passed }),
    })),
  },
  {
    what: 'hosts say of each stage that it was verified',
    breaks: 'stages',
    stories: inStages,
    sabotage: { saysVerified: true },
  },
  {
    what: 'stages are left out',
    breaks: 'stages',
    stories: inStages,
    sabotage: withTarget((target) => ({
      ...target,
      ensure: (request, context) => {
        const { strategy } = request
        if (!isStaged(strategy)) return target.ensure(request, context)
        const passedAlready = strategy.stages.slice(-1)
        return target.ensure({ ...request, strategy: { ...strategy, stages: passedAlready } }, context)
      },
    })),
  },
  {
    what: 'hosts say that starting instances are healthy',
    breaks: 7,
    stories: inStages,
    sabotage: { saysHealthy: true },
  },
  {
    what: 'hosts go on dividing requests',
    breaks: 'liveness',
    stories: inStages,
    sabotage: { keepsSplit: true },
  },
  {
    what: 'a hook that comes between services comes after them all',
    breaks: 'order',
    stories: amongServices,
    sabotage: misjudges(({ recipe, ...environment }) => {
      const { before, after } = recipe
      return { ...environment, recipe: { ...recipe, before: [], after: [...before, ...after] } }
    }),
  },
  ...trustMutations,
]
