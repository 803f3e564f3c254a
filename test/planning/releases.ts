/** Releases, policies and facts in a few words, for tests of planning. */

import { initialState } from '../../src/ledger/index.ts'
import type {
  Digest,
  EnvironmentPolicy,
  EnvironmentRecipe,
  Fingerprint,
  Hook,
  Project,
  Release,
  ReleasedService,
  Run,
  Service,
} from '../../src/model/index.ts'
import { emptyRecipe } from '../../src/model/index.ts'
import { composeRelease, type DeploymentFacts } from '../../src/planning/index.ts'

/** Digests in tests are a number repeated; their brand is given here. */
export const digest = (number: number): Digest => `sha256:${number.toString(16).padStart(64, '0')}` as Digest
export const fingerprint = (text: string): Fingerprint => text as Fingerprint

export const run: Run = {
  command: 'serve',
  port: 'PORT',
  health: null,
  startTimeoutMs: 1000,
  drainTimeoutMs: 1000,
  stopTimeoutMs: 1000,
}

export const service = (name: string, change: Partial<Service> = {}): Service => ({
  ...{ name, path: name, inputs: [], checkInputs: [], deployInputs: [], ignore: [], infer: false, needs: [] },
  ...{ checks: {}, build: null, artifact: { kind: 'bundle', from: '', include: ['**'], exclude: [] }, rebuild: null },
  ...{ run, env: {}, deployAfter: [], target: null },
  ...change,
})

export const policy = (name: string, change: Partial<EnvironmentPolicy> = {}): EnvironmentPolicy => ({
  name,
  routes: [],
  after: [],
  approval: null,
  windows: [],
  targets: { fleet: { kind: 'fleet', fleet: { hosts: ['local'], replicas: 2, ports: {}, listen: '127.0.0.1' } } },
  variables: { prefix: null, dotenv: [] },
  onFailure: ['rollback', 'yank', 'notify'],
  ...change,
})

export const hook = (name: string, of: string, change: Partial<Hook> = {}): Hook => ({
  ...{ name, service: of, run: name, timeoutMs: 1000, idempotent: false, irreversible: false },
  ...change,
})

export const project = (services: Service[], recipes: Record<string, Partial<EnvironmentRecipe>> = {}): Project => ({
  name: 'shop',
  trunk: 'main',
  shared: [],
  builds: { on: null, parallel: null },
  artifacts: { kind: 'oci-layout', path: null },
  platform: null,
  tools: {},
  prepare: null,
  services: Object.fromEntries(services.map((known) => [known.name, known])),
  environments: Object.fromEntries(
    Object.entries(recipes).map(([name, recipe]) => [name, { ...policy(name), recipe: { ...emptyRecipe, ...recipe } }]),
  ),
  tasks: {},
  people: {},
  builders: [],
  notify: [],
  state: { remote: 'origin', prefix: 'refs/trunkline', leaseTtlMs: 30_000 },
})

/** Each service's artifact by number. */
export const release = (
  artifacts: Record<string, number>,
  recipes: Record<string, Partial<EnvironmentRecipe>> = { stage: {} },
  change: Record<string, Partial<Service>> = {},
): Release =>
  composeRelease({
    project: project(
      Object.keys(artifacts).map((name) => service(name, change[name])),
      recipes,
    ),
    artifacts: Object.fromEntries(Object.entries(artifacts).map(([name, number]) => [name, digest(number)])),
    deployInputs: {},
    overlays: {},
  })

/** Nothing runs, everything can be asked. */
export const factsFor = (target: Release, change: Partial<DeploymentFacts> = {}): DeploymentFacts => ({
  policy: policy('stage'),
  state: initialState('stage'),
  release: target,
  runningRelease: null,
  seen: Object.fromEntries(Object.keys(target.services).map((name) => [name, null])),
  fingerprints: Object.fromEntries(Object.keys(target.services).map((name) => [name, fingerprint(`of ${name}`)])),
  previews: {},
  tags: [],
  isVerified: false,
  direction: 'forward',
  leaving: null,
  ...change,
})

export const servicesOf = (target: Release): Array<[string, ReleasedService]> => Object.entries(target.services)
