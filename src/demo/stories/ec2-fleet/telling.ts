/** What the chapters ask and check, in their words. */
import type { DeploymentInfo } from '@aws-sdk/client-codedeploy'
import type { DeliveryResult } from '../../../delivery/index.ts'
import type { Plan } from '../../../model/index.ts'
import type { EnvironmentStatus } from '../../../reporting/index.ts'
import type { Playground } from '../../playground.ts'
import { expect } from '../../story.ts'
import { environmentOf, expectOutcome } from '../telling.ts'
import type { Account } from './account.ts'

/** The infrastructure, in the order in which it is made; `data` and `edge` go side by side. */
export const stacksOfTheExample = ['network', 'data', 'edge', 'fleet', 'watch']

export async function commitAndPush(playground: Playground, message: string): Promise<string> {
  const commit = await playground.commit(message)
  await playground.git('push', '--quiet', 'origin', 'main')
  return commit
}

export async function deliver(
  playground: Playground,
  outcome: DeliveryResult['outcome'],
  ...words: string[]
): Promise<DeliveryResult> {
  const { document } = await playground.trunkline('deliver', ...words)
  expectOutcome(document, outcome)
  return document
}

/** Lets production have what waits for it; answers the plan that the word was about. */
export async function approve(playground: Playground): Promise<string> {
  const plan = (await environmentOf(playground, 'production')).waiting?.plan ?? null
  expect(plan !== null, 'production waits with a plan to approve')
  expectOutcome((await playground.trunkline('approve', 'production')).document, 'succeeded')
  return plan
}

export const artifactOf = ({ services }: EnvironmentStatus, service: string): string =>
  services.find(({ name }) => name === service)?.artifact ?? ''

/** What platforms say they would do in an environment, a sentence for each service that is previewed. */
export function previewed({ environments }: Plan, environment: string): string[] {
  const found = environments.find(({ name }) => name === environment)
  return (found?.services ?? []).flatMap(({ name, preview }) => {
    const changes = (preview?.changes ?? []).map(
      ({ action, subject, because = [] }) =>
        `${action} ${subject}${because.length > 0 ? ` (${because.join(', ')})` : ''}`,
    )
    const more = changes.length > 2 ? `, and ${changes.length - 2} more` : ''
    return changes.length === 0 ? [] : [`${name}: ${changes.slice(0, 2).join(', ')}${more}`]
  })
}

/** Each instance was through with all its lifecycle events before the next one began; a line for each. */
export async function expectOneByOne(account: Account, deployment: DeploymentInfo): Promise<string[]> {
  const instances = await account.instances(deployment)
  const spans = instances.map(({ targetId = '', lifecycleEvents = [] }) => ({
    id: targetId,
    first: Math.min(...lifecycleEvents.map(({ startTime }) => startTime?.getTime() ?? Number.NaN)),
    last: Math.max(...lifecycleEvents.map(({ endTime }) => endTime?.getTime() ?? Number.NaN)),
    went: lifecycleEvents.every(({ status }) => status === 'Succeeded'),
    events: `${lifecycleEvents[0]?.lifecycleEventName} … ${lifecycleEvents.at(-1)?.lifecycleEventName}`,
    count: lifecycleEvents.length,
  }))
  for (const [index, { id, first, went }] of spans.entries()) {
    const before = spans[index - 1]
    expect(went, `all lifecycle events of ${id} went well`)
    expect(before === undefined || before.last <= first, `${id} began when ${before?.id} was through`)
  }
  return spans.map(
    ({ id, count, events, first, last }) => `${id}: ${count} lifecycle events (${events}) in ${last - first} ms`,
  )
}

/** What people see at each instance of an environment. */
export async function expectPages(account: Account, environment: string, greeting: string): Promise<string> {
  const pages = await account.pages(environment)
  expect(pages.length > 0, `instances of ${environment} answer`)
  for (const { instance, url } of pages) {
    const page = await seen(url)
    expect(page.includes(greeting), `${instance} says “${greeting}”: ${page}`)
  }
  return `${pages.length} instances say “${greeting}”, such as ${pages[0]?.url}`
}

/** What somebody sees who asks there. */
export async function seen(url: string): Promise<string> {
  return await (await fetch(url, { signal: AbortSignal.timeout(20_000) })).text()
}
