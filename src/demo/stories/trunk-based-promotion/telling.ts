/** What the chapters ask and check, in their words. */
import * as z from 'zod'
import type { DeliveryResult } from '../../../delivery/index.ts'
import type { Digest } from '../../../model/index.ts'
import type { EnvironmentStatus } from '../../../reporting/index.ts'
import type { Playground } from '../../playground.ts'
import { expect } from '../../story.ts'
import { type EnvironmentOfStory, type StageSet, services } from './stage-set.ts'

export async function deliver(
  playground: Playground,
  ref: string | null,
  outcome: DeliveryResult['outcome'],
): Promise<DeliveryResult> {
  const words = ref === null ? ['deliver'] : ['deliver', '--ref', ref]
  const { document } = await playground.trunkline(...words)
  expectOutcome(document, outcome)
  return document
}

export function expectOutcome(result: DeliveryResult, outcome: DeliveryResult['outcome']): void {
  const error = (result as { error?: { message: string } }).error // What `--json` prints where a command could not run at all.
  const why = [error?.message, ...(result.reasons ?? []).map(({ message }) => message), ...whyOf(result)]
  expect(
    result.outcome === outcome,
    `the outcome is ${outcome}, not ${result.outcome ?? 'an error'}: ${why.filter(Boolean).join('; ')}`,
  )
}

export const whyOf = (result: DeliveryResult): string[] =>
  (result.environments ?? []).flatMap((environment) => environment.reasons.map(({ message }) => message))

/** Pushes a commit of main, and delivers it. */
export async function pushMain(playground: Playground, outcome: DeliveryResult['outcome'] = 'succeeded') {
  await playground.git('push', '--quiet', 'origin', 'main')
  return await deliver(playground, null, outcome)
}

/** Tags what is checked out, and delivers the tag. */
export async function pushTag(playground: Playground, tag: string, outcome: DeliveryResult['outcome'] = 'succeeded') {
  await playground.git('tag', tag)
  await playground.git('push', '--quiet', 'origin', tag)
  return await deliver(playground, tag, outcome)
}

export async function environmentOf(playground: Playground, name: EnvironmentOfStory): Promise<EnvironmentStatus> {
  const [found] = await playground.status(name)
  expect(found !== undefined, `there is an environment ${name}`)
  return found
}

export const artifactsOf = ({ services }: EnvironmentStatus): Record<string, string> =>
  Object.fromEntries(services.map(({ name, artifact }) => [name, artifact]))

/** Of each service, and each function where there are any. */
export function sameBytes(one: EnvironmentStatus, other: EnvironmentStatus): boolean {
  const [these, those] = [artifactsOf(one), artifactsOf(other)]
  const names = new Set([...services, ...Object.keys(these), ...Object.keys(those)])
  return [...names].every((name) => these[name] !== undefined && these[name] === those[name])
}

/** Whether the registry knows what runs there by this name, too: `orders-rc-1`. */
export async function expectTagged(set: StageSet, environment: EnvironmentStatus, tag: string, signal: AbortSignal) {
  for (const name of services) {
    const artifact = artifactsOf(environment)[name]
    const named: Digest | null = await set.store().resolveTag(`${name}-${tag}`, signal)
    expect(named === artifact, `the registry knows ${name} as ${name}-${tag}`)
  }
}

export const manifestCommits = async (set: StageSet): Promise<number> =>
  Number(await set.manifests('rev-list', '--count', 'main'))

/** The newest commit of the manifest repository changes digests of one environment, and nothing else. */
export async function expectOnlyDigests(set: StageSet, environment: EnvironmentOfStory): Promise<string> {
  const files = await set.manifests('show', '--format=', '--name-only', 'main')
  expect(files === `environments/${environment}/kustomization.yaml`, `only ${environment} was changed, not ${files}`)
  const changed = (await set.manifests('show', '--format=', '--unified=0', 'main'))
    .split('\n')
    .filter((line) => /^[+-](?![+-])/.test(line))
  const isMeant =
    /^(?:\+ +digest: sha256:[0-9a-f]{64}|- +(?:digest: sha256:[0-9a-f]{64}|newTag: nothing-deployed-yet))$/
  expect(
    changed.length > 0 && changed.every((line) => isMeant.test(line)),
    `only digests changed: ${changed.join(' ')}`,
  )
  return await set.manifests('log', '-1', '--format=%s', 'main')
}

/** The cluster runs what the manifests say; without one, who asks at the door is answered by it. */
export async function expectRunning(
  playground: Playground,
  set: StageSet,
  environment: EnvironmentOfStory,
): Promise<string> {
  const answer = await fetch(new URL('/products', set.doorOf(environment)), { signal: AbortSignal.timeout(60_000) })
  expect(answer.ok, `people see products in ${environment}`)
  if (!set.hasArgoCd()) return `${environment} answers at its address; no Argo CD here: deployed was when it was pushed`
  const status = await environmentOf(playground, environment)
  const deployments = await playground.tool(
    'kubectl',
    '-n',
    `orders-${environment}`,
    'get',
    'deployments',
    '-o',
    'json',
  )
  const { items } = deploymentsSchema.parse(JSON.parse(deployments))
  for (const name of services) {
    const found = items.find(({ metadata }) => metadata.name === name)
    const image = found?.spec.template.spec.containers[0]?.image ?? 'nothing'
    expect(image.endsWith(`@${artifactsOf(status)[name]}`), `the cluster runs ${name} by its digest, not ${image}`)
    const [ready, wanted] = [found?.status.readyReplicas, found?.spec.replicas]
    expect(ready !== undefined && ready === wanted, `all pods of ${name} are ready: ${ready} of ${wanted}`)
  }
  const name = `orders-${environment}`
  const application = await playground.tool('kubectl', '-n', 'argocd', 'get', 'application', name, '-o', 'json')
  const { sync, health } = applicationSchema.parse(JSON.parse(application)).status
  expect(sync.status === 'Synced' && health.status === 'Healthy', `Argo CD is done: ${sync.status}, ${health.status}`)
  return `Argo CD says ${sync.status}, ${health.status} at ${sync.revision.slice(0, 12)}; the cluster runs these digests`
}

const deploymentsSchema = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string() }),
      spec: z.object({
        replicas: z.number(),
        template: z.object({ spec: z.object({ containers: z.array(z.object({ image: z.string() })) }) }),
      }),
      status: z.object({ readyReplicas: z.number().optional() }),
    }),
  ),
})
const applicationSchema = z.object({
  status: z.object({
    sync: z.object({ status: z.string(), revision: z.string() }),
    health: z.object({ status: z.string() }),
  }),
})

export const short = (id: string | null | undefined): string => (id ?? '').slice(0, 7)
