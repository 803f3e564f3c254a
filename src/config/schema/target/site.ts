/** Static sites: a bucket of S3 behind CloudFront. */
import type { TargetConfig } from '../../../model/index.ts'
import { durationSchema } from '../duration.ts'
import { templateSchema } from '../placeholder.ts'
import { object } from '../shapes.ts'

const bucketSchema = templateSchema('the name of a bucket', /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/)

export const siteSchema = object(
  {
    bucket: bucketSchema.describe('The S3 bucket, in the same region, that CloudFront reads.'),
    prefix: templateSchema('a prefix such as `sites/shop`', /^(?:[\w.-]+(?:\/[\w.-]+)*)?$/)
      .prefault('{service}')
      .describe("What its keys begin with: the path of CloudFront's origin."),
    records: bucketSchema
      .optional()
      .describe(
        'Another bucket for what Trunkline writes down. Without it that is in the same one, outside `prefix`, where CloudFront does not reach.',
      ),
    distribution: templateSchema('the id of a distribution', /^[A-Za-z0-9]{1,32}$/, []).describe(
      'The id of the distribution of CloudFront.',
    ),
    url: templateSchema('a URL such as `https://{service}.example`', /^https?:\/\/[^\s/]+(?:\/\S*)?$/)
      .optional()
      .describe('Where people reach it. Without it the address that CloudFront gives.'),
    timeout: durationSchema.prefault('15m').describe('How long an invalidation may take.'),
  },
  { expected: 'a mapping such as `{ bucket: shop-sites, distribution: E2EXAMPLE1 }`' },
)
  .meta({ id: 'Site', title: 'Static site', description: 'Files in S3, behind CloudFront.' })
  .transform(
    ({ records, url, timeout, ...rest }): TargetConfig => ({
      kind: 'site',
      site: { ...rest, records: records ?? null, url: url ?? null, timeoutMs: timeout },
    }),
  )
