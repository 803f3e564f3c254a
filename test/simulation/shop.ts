/** The shops that histories are about: small projects of different shapes, each with a few variants of its configuration. */
import { asYaml } from './as-yaml.ts'
import { type Chance, createChance } from './chance.ts'
import { ciKey, keyOfPerson } from './keys.ts'

/** Platforms of a few lines; from here on services run on hosts of a fleet, and roll out in stages. */
export const firstFleetShape = 24
export const shapeCount = 32
/** Platforms of a few lines again; the migration comes after a service and before all others. */
export const firstOrderedShape = 32
export const orderedShapes = 8
export const variantCount = 16

export type Shape = {
  services: string[]
  environments: string[]
  fencing: 'strict' | 'conditional' | 'lease-only'
  /** Of a fleet; null: the platform is one thing. */
  hosts: string[] | null
}

const serviceNames = ['carts', 'products', 'web', 'mailer', 'search', 'jobs']

export function shapeOf(shape: number): Shape {
  const chance = createChance(shape, 11)
  const services = serviceNames.slice(0, chance.between(3, 6))
  const environments = chance.happens(0.5) ? ['stage', 'prod'] : ['stage', 'demo', 'prod']
  if (shape >= firstFleetShape && shape < firstOrderedShape) {
    const hosts = ['web1', 'web2', 'web3'].slice(0, 1 + (shape % 3))
    return { services, environments, fencing: 'strict', hosts }
  }
  const fencing = (['strict', 'strict', 'conditional', 'lease-only'] as const)[shape % 4] ?? 'strict'
  return { services, environments, fencing, hosts: null }
}

/** Stages of some length and of none, verified and not. */
const stagedRollouts = (environment: string): Document[] => [
  {
    canary: {
      steps: [
        { weight: 10, pause: '1s', verify: `${environment} works` },
        { weight: 50, pause: 0 },
        { weight: 100, pause: '1s', verify: `${environment} works` },
      ],
    },
  },
  { canary: { steps: [{ weight: 34, pause: '1s', verify: `${environment} works` }] } },
  { 'blue-green': { verify: `${environment} works`, keep: '1s' } },
]

/** The secret of an environment begins with this, and nothing else in the world does. */
export const secretMark = 'S3CRET'

type Document = Record<string, unknown>

export type ConfigurationOptions = {
  /** What a branch would like trunk to say. */
  isCoup?: boolean
  /** Whose signatures count is listed. */
  isSigned?: boolean
}

/** Managers deliver from their machines, too; Ada and Dan are known, and deliver by CI. */
const signers = {
  builders: [{ name: 'ci', ssh: ciKey.line }, '@managers'],
  people: {
    managers: [
      { email: 'ben@example.com', ssh: keyOfPerson(1).line },
      { email: 'cleo@example.com', ssh: keyOfPerson(2).line },
    ],
    writers: [
      { email: 'ada@example.com', ssh: keyOfPerson(0).line },
      { email: 'dan@example.com', ssh: keyOfPerson(3).line },
    ],
  },
}

/** `trunkline.yaml` of one variant, as text. */
export function configurationOf(
  shape: number,
  variant: number,
  { isCoup = false, isSigned = false }: ConfigurationOptions = {},
): string {
  const chance = createChance(shape, 13)
  const { services: names, environments, hosts } = shapeOf(shape)
  const [lessServices, otherHooks, otherApproval, otherReplicas] = [1, 2, 4, 8].map((bit) => (variant & bit) !== 0)
  const present = lessServices ? names.slice(0, -1) : names

  const services: Record<string, Document> = {}
  for (const name of present) {
    services[name] = {
      path: name,
      infer: false,
      checks: { test: 'test' },
      build: 'build',
      deployInputs: [`${name}/deploy/**`],
      run: { command: 'serve', port: 'PORT', startTimeout: '8s', drainTimeout: '5s' },
    }
  }
  const change = (name: string, more: Document) => {
    const known = services[name]
    if (known !== undefined) services[name] = { ...known, ...more }
  }
  change('carts', { env: { TOKEN: { from: 'TOKEN', secret: true } } })
  if (chance.happens(0.5)) change('web', { needs: ['carts'] })
  if (chance.happens(0.5))
    change('web', { env: { CARTS_URL: { service: 'carts' }, MODE: { from: 'MODE', default: 'plain' } } })
  if (chance.happens(0.5)) change('products', { deployAfter: ['carts'] })
  if (services['mailer'] !== undefined && chance.happens(0.5)) {
    services['mailer'] = { artifact: { of: 'carts' }, run: { command: 'mail', startTimeout: '8s', drainTimeout: '5s' } }
  }
  if (services['search'] !== undefined && chance.happens(0.5)) change('search', { needs: ['products'] })
  if (services['jobs'] !== undefined && chance.happens(0.5)) {
    const { run: _run, ...jobs } = services['jobs']
    services['jobs'] = jobs
  }

  const hooks = hooksOf(chance, { isOther: otherHooks === true, isOrdered: shape >= firstOrderedShape })
  const replicas = chance.between(1, 2) + (otherReplicas ? 1 : 0)
  const target = { fleet: { hosts: hosts ?? ['local'], replicas } }
  const onFailure = () =>
    chance.pick([
      ['rollback', 'yank', 'notify'],
      ['rollback', 'notify'],
      ['yank', 'rollback'],
      ['notify'],
      ['notify', 'rollback', 'yank'],
    ])
  const rollout = (environment: string): string | Document => {
    const surge = chance.pick(['one-at-a-time', 'half', 'all-at-once'])
    if (hosts === null) return surge
    return stagedRollouts(environment)[chance.below(4)] ?? surge
  }
  const hasHttp = chance.happens(0.4)
  const verify = (environment: string) => [
    { name: `${environment} works`, run: `verify ${environment}` },
    ...(hasHttp ? [{ name: 'carts answer', http: '/', service: 'carts' }] : []),
  ]
  const isOpen = chance.happens(0.4)
  const approvals: Array<Document | null> = [
    { by: ['@managers'], quorum: 1, notAuthor: true },
    { quorum: 2 },
    { by: ['ben@example.com'], expires: '10m' },
    null,
  ]
  const approval = approvals[chance.below(4)] ?? null
  const stricter = approvals[chance.below(3)] ?? null
  const prodApproval = otherApproval ? (approval === null ? stricter : null) : approval
  const windows = chance.happens(0.15) ? [{ cron: '*/20 * * * *', duration: '10m', timezone: 'UTC' }] : []

  const documents: Record<string, Document> = {
    stage: {
      on: { branch: 'main' },
      target,
      variables: { prefix: 'STAGE_' },
      verify: verify('stage'),
      hooks: hooks(),
      rollout: rollout('stage'),
      onFailure: onFailure(),
    },
    demo: {
      on: chance.pick([{ branch: 'releases/{version}-demo' }, { tag: 'rc-*' }, { branch: 'main' }]),
      ...(chance.happens(0.5) ? { after: 'stage' } : {}),
      target,
      variables: { prefix: 'DEMO_' },
      verify: verify('demo'),
      rollout: rollout('demo'),
      onFailure: onFailure(),
    },
    prod: {
      on: isOpen ? { tag: 'v*' } : { tag: 'v*', reachableFrom: 'main' },
      after: environments.includes('demo') && chance.happens(0.3) ? ['stage', 'demo'] : 'stage',
      target,
      variables: { prefix: 'PROD_' },
      verify: verify('prod'),
      hooks: hooks(),
      rollout: rollout('prod'),
      onFailure: onFailure(),
      ...(prodApproval === null ? {} : { approval: prodApproval }),
      ...(windows.length > 0 ? { windows } : {}),
    },
  }
  const declared = Object.fromEntries(environments.map((name) => [name, documents[name]]))
  if (isCoup) {
    declared['rogue'] = { on: { branch: '**' }, target, variables: { prefix: 'ROGUE_' } }
    for (const name of environments) {
      const { approval: _approval, after: _after, ...open } = documents[name] ?? {}
      declared[name] = { ...open, on: [{ branch: '**' }, { tag: '**' }] }
    }
  }
  return asYaml({
    project: 'shop',
    trunk: 'main',
    shared: ['shared.txt'],
    state: { leaseTtl: '30s' },
    services,
    environments: declared,
    tasks: { seed: { service: 'carts', run: 'seed' } },
    people: { managers: [{ email: 'ben@example.com' }, { email: 'cleo@example.com' }] },
    ...(isSigned ? signers : {}),
  })
}

type HookOptions = { isOther: boolean; isOrdered: boolean }

function hooksOf(chance: Chance, { isOther, isOrdered }: HookOptions): () => Document {
  const migrate = {
    name: 'migrate',
    service: 'products',
    run: isOther ? 'migrate more' : 'migrate',
    idempotent: chance.happens(0.4),
    irreversible: chance.happens(0.3),
    ...(isOrdered ? { deployAfter: [isOther ? 'products' : 'carts'] } : {}),
  }
  const warm = { name: 'warm', service: 'carts', run: 'warm', idempotent: chance.happens(0.6) }
  const undo = { name: 'migrate', service: 'products', run: 'unmigrate', idempotent: true }
  const flush = { name: 'flush', service: 'carts', run: 'flush', idempotent: chance.happens(0.5) }
  const shares = [isOrdered ? 1 : 0.6, 0.4, 0.5, 0.3]
  const [hasMigrate, hasWarm, hasUndo, hasFlush] = shares.map((share) => chance.happens(share))
  return () => ({
    before: hasMigrate ? [migrate] : [],
    after: hasWarm ? [warm] : [],
    rollback: [...(hasUndo ? [undo] : []), ...(hasFlush ? [flush] : [])],
  })
}
