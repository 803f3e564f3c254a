/** AWS Lambda: functions, their versions and aliases. */
import type { FunctionSettings, TargetConfig } from '../../../model/index.ts'
import { show } from '../../mistake.ts'
import { durationSchema } from '../duration.ts'
import { nameSchema } from '../name.ts'
import { templateSchema } from '../placeholder.ts'
import { choice, listOf, mappingOf, object, textWith, wholeNumber } from '../shapes.ts'

const layerSchema = textWith('the ARN of a layer, with its version', (arn) =>
  /^arn:aws[a-z-]*:lambda:[a-z0-9-]+:\w+:layer:[\w-]+:\d+$/.test(arn)
    ? null
    : { code: 'INVALID_VALUE', message: `\`{key}\` must be the ARN of a layer, with its version, not ${show(arn)}` },
)

const idSchema = (prefix: string) =>
  textWith(`an id such as \`${prefix}0123456789abcdef0\``, (id) =>
    id.startsWith(prefix) && /^[a-z0-9-]+$/.test(id)
      ? null
      : { code: 'INVALID_VALUE', message: `\`{key}\` must be an id such as \`${prefix}0123456789abcdef0\`` },
  )

const alarmsSchema = listOf(templateSchema('the name of an alarm', /^[^\p{Cc}]{1,255}$/u), 'a list of alarms')

const settingsShape = {
  role: templateSchema('the ARN of a role', /^arn:aws[a-z-]*:iam::(?:\d{12}|x):role\/\S+$/)
    .optional()
    .describe(
      'The ARN of what functions run as. A function that is missing is made with it; without it all must be there.',
    ),
  layers: listOf(layerSchema, 'a list of layers')
    .max(5)
    .optional()
    .describe('ARNs of layers, with versions. Without it a function keeps those it has.'),
  network: object({
    subnets: listOf(idSchema('subnet-'), 'a list of subnets')
      .min(1)
      .describe('Private ones: a function has no public address.'),
    securityGroups: listOf(idSchema('sg-'), 'a list of security groups').min(1).describe('What they may talk to.'),
  })
    .optional()
    .describe('The network that functions are connected to. Without it they keep what they have.'),
}

const alarmsText = 'CloudWatch alarms: one that goes off while requests go over to a new version takes them back.'

const ownSchema = object({ ...settingsShape, alarms: alarmsSchema.optional().describe(alarmsText) }).transform(
  (given): Partial<FunctionSettings> =>
    Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
)

const bucketSchema = templateSchema('a bucket', /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, ['project', 'environment'])
const prefixSchema = textWith('a prefix such as `functions`', (prefix) =>
  /^[\w.-]+(?:\/[\w.-]+)*$/.test(prefix)
    ? null
    : { code: 'INVALID_VALUE', message: '`{key}` must be a prefix such as `functions`, without slashes at its ends' },
)

export const lambdaSchema = object(
  {
    bucket: bucketSchema.describe(
      'The S3 bucket, in the same region, where zips are kept by content. Environments of one account may share it.',
    ),
    prefix: prefixSchema.prefault('functions').describe('What its keys begin with.'),
    function: templateSchema('the name of a function', /^[\w-]{1,64}$/)
      .prefault('{project}-{environment}-{service}')
      .describe('What functions are called.'),
    alias: templateSchema('the name of an alias', /^(?!\d+$)[\w-]{1,120}$/, ['environment'])
      .prefault('live')
      .describe('What callers name: it leads to the version that takes requests.'),
    ...settingsShape,
    alarms: alarmsSchema.prefault([]).describe(alarmsText),
    url: templateSchema('a URL such as `https://{service}.example`', /^https?:\/\/[^\s/]+(?:\/\S*)?$/)
      .optional()
      .describe('Where a service is reached that stands behind an API or a load balancer.'),
    keepVersions: wholeNumber(1, 100).prefault(5).describe('Versions kept to go back to, beside those in use.'),
    timeout: durationSchema.prefault('5m').describe('How long a change of a function may take until AWS is done.'),
    drift: choice(['report', 'repair'])
      .prefault('report')
      .describe('Changes made by hand: `report` shows them, `repair` puts them back with the next delivery.'),
    functions: mappingOf(nameSchema, ownSchema, 'a mapping of services to settings')
      .prefault({})
      .describe('Services whose functions have settings of their own.'),
  },
  { expected: 'a mapping such as `{ bucket: shop-artifacts }`' },
)
  .meta({ id: 'Lambda', title: 'AWS Lambda', description: 'Functions: published versions, behind an alias.' })
  .transform(
    ({ role, layers, network, url, timeout, ...rest }): TargetConfig => ({
      kind: 'lambda',
      lambda: {
        ...rest,
        role: role ?? null,
        layers: layers ?? null,
        network: network ?? null,
        url: url ?? null,
        timeoutMs: timeout,
      },
    }),
  )
