/** The distribution of CloudFront that shows a site, and what it keeps of it. */

import { posix } from 'node:path'
import {
  CloudFrontClient,
  CreateInvalidationCommand,
  type Distribution,
  GetDistributionCommand,
  GetInvalidationCommand,
} from '@aws-sdk/client-cloudfront'
import { refusedError } from '../../model/index.ts'
import type { TargetContext } from '../../ports/index.ts'
import { fill, type Parts, type Site, saySite } from './parts.ts'

export type Front = {
  id: string
  domain: string
  /** Of what people ask for: '' or `/shop`. */
  base: string
  distribution: Distribution
}

/** Each costs something beyond the first thousand of a month; a pattern is one. */
const maxPaths = 30

/** Refused where it does not show this site, or would show what Trunkline writes down. */
export async function readFront(parts: Parts, site: Site, signal: AbortSignal): Promise<Front> {
  const { aws, config } = parts
  const Id = config.distribution
  const distribution = await readDistribution(parts, Id, signal)
  const origins = distribution.DistributionConfig?.Origins?.Items ?? []
  const pathsOf = (bucket: string) =>
    origins
      .filter(({ DomainName = '' }) => DomainName.startsWith(`${bucket}.s3`))
      .map(({ OriginPath = '' }) => OriginPath.replace(/^\//, ''))
  const base = pathsOf(site.bucket)
    .map((origin) => within(origin, site.prefix))
    .find((rest) => rest !== null)
  if (base === undefined) {
    throw refusedError('NOT_ITS_ORIGIN', `the distribution ${Id} of ${aws.region} does not show ${saySite(site)}`, {
      hint: 'give it an origin with this bucket, and the prefix as the path of that origin',
    })
  }
  if (pathsOf(site.recordBucket).some((origin) => within(origin, site.recordKey) !== null)) {
    throw refusedError('RECORD_PUBLIC', `the distribution ${Id} shows the whole bucket ${site.recordBucket}`, {
      hint: `let the path of its origin be /${site.prefix || 'site'} (\`prefix\`), or name a bucket for \`records\` that nobody else reads`,
    })
  }
  return { id: Id, domain: distribution.DomainName ?? '', base: base === '' ? '' : `/${base}`, distribution }
}

/** What is left of a key below a folder; null: it is not below it. */
function within(folder: string, key: string): string | null {
  if (folder === '' || folder === key) return folder === '' ? key : ''
  return key.startsWith(`${folder}/`) ? key.slice(folder.length + 1) : null
}

async function readDistribution({ aws }: Parts, Id: string, signal: AbortSignal): Promise<Distribution> {
  try {
    const answer = await aws.send(aws.client(CloudFrontClient), new GetDistributionCommand({ Id }), { signal })
    if (answer.Distribution !== undefined) return answer.Distribution
  } catch (error) {
    if (!aws.isError(error, 'NoSuchDistribution')) throw error
  }
  throw refusedError('NO_DISTRIBUTION', `there is no distribution ${Id} of CloudFront`, {
    hint: 'make it with a stack, or name another as `distribution` of the target',
  })
}

export function urlOf(parts: Parts, site: Site, { domain, base }: Front): string {
  const { url } = parts.config
  return url === null ? `https://${domain}${base}` : fill(parts, site.service, url)
}

/** What people ask for, as CloudFront keeps it. A folder's own address shows its index. */
export function addressesOf({ base }: Front, paths: readonly string[], index: string): string[] {
  if (paths.length > maxPaths) return [`${base}/*`]
  const shown = paths.flatMap((path) =>
    posix.basename(path) === posix.basename(index) ? [path, path.slice(0, -posix.basename(path).length)] : [path],
  )
  return [...new Set(shown.map((path) => `${base}/${path.split('/').map(encodeURIComponent).join('/')}`))].sort()
}

/** Through when it answers. The same reference makes no second one. */
export async function invalidate(
  { aws, config, lookEveryMs }: Parts,
  { id }: Front,
  { addresses, reference }: { addresses: readonly string[]; reference: string },
  { signal, log }: Pick<TargetContext, 'signal' | 'log'>,
): Promise<void> {
  const client = aws.client(CloudFrontClient)
  const create = new CreateInvalidationCommand({
    DistributionId: id,
    InvalidationBatch: {
      CallerReference: reference,
      Paths: { Quantity: addresses.length, Items: [...addresses] },
    },
  })
  const { Invalidation } = await aws.send(client, create, {
    ...{ signal, writes: true },
    retryWhile: (error) => aws.isError(error, 'TooManyInvalidationsInProgress'),
  })
  log(`CloudFront forgets ${addresses.length > 3 ? `${addresses.length} addresses` : addresses.join(', ')}`)
  const look = async () => {
    const command = new GetInvalidationCommand({ DistributionId: id, Id: Invalidation?.Id })
    const answer = await aws.send(client, command, { signal })
    return answer.Invalidation?.Status === 'Completed' ? true : null
  }
  const what = `the invalidation ${Invalidation?.Id} of ${id} to be completed`
  await aws.waitFor({ what, look, timeoutMs: config.timeoutMs, intervalMs: lookEveryMs, signal, log })
}
