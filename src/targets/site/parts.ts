/** What all of this target works with, and where one site is. */
import type { Aws } from '../../aws/index.ts'
import {
  type EnvironmentName,
  type Fingerprint,
  fillIn,
  type Run,
  refusedError,
  type ServiceName,
  type SiteConfig,
  type SiteRun,
} from '../../model/index.ts'
import type { Clock } from '../../ports/index.ts'

export type Parts = {
  config: SiteConfig
  project: string
  environment: EnvironmentName
  aws: Aws
  clock: Clock
  /** Pause between two looks at an invalidation; it grows. */
  lookEveryMs: number
}

/** Where the files of one service are, and what was written down of them. */
export type Site = {
  service: ServiceName
  bucket: string
  prefix: string
  recordBucket: string
  recordKey: string
}

/** Files are handed no variables: all sites have the same none. */
export const noVariables = 'none' as Fingerprint // The brand is given here: no key is needed for nothing.

export function siteOf(parts: Parts, service: ServiceName): Site {
  const { config, project, environment } = parts
  const bucket = fill(parts, service, config.bucket)
  return {
    ...{ service, bucket, prefix: fill(parts, service, config.prefix) },
    recordBucket: config.records === null ? bucket : fill(parts, service, config.records),
    recordKey: `.trunkline/sites/${project}/${environment}/${service}.json`,
  }
}

export const fill = ({ project, environment }: Parts, service: ServiceName, template: string): string =>
  fillIn(template, { project, environment, service })

export const keyOf = ({ prefix }: Site, path: string): string => (prefix === '' ? path : `${prefix}/${path}`)

export const saySite = ({ bucket, prefix }: Site): string => `s3://${bucket}/${prefix}`

export function siteRunOf(service: ServiceName, run: Run): SiteRun {
  if (run.kind === 'site') return run
  throw refusedError('WRONG_PLATFORM', `${service} is no static site`, { hint: 'give it `run: { site: {} }`' })
}

/** Does some work for each, a few at a time. The first that fails ends it. */
export async function forEachAtOnce<Item>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  let next = 0
  let isOver = false
  const workRest = async () => {
    for (let item = items[next++]; item !== undefined && !isOver; item = items[next++]) {
      await work(item).catch((error: unknown) => {
        isOver = true
        throw error
      })
    }
  }
  await Promise.all(Array.from({ length: atOnce }, workRest))
}
