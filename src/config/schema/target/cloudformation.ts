/** AWS CloudFormation: where stacks go, and how. */
import type { TargetConfig } from '../../../model/index.ts'
import { durationSchema } from '../duration.ts'
import { templateSchema } from '../placeholder.ts'
import { flag, object } from '../shapes.ts'

const bucketSchema = templateSchema('the name of a bucket', /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, [
  'project',
  'environment',
])

export const cloudformationSchema = object(
  {
    bucket: bucketSchema
      .optional()
      .describe(
        'A bucket that templates, nested templates and code are uploaded to, by content. Not needed by a template of up to 51200 bytes that refers to no file.',
      ),
    prefix: templateSchema('the beginning of a key, such as `shop/`', /^[A-Za-z0-9!_.*'()/-]*$/, [
      'project',
      'environment',
    ])
      .prefault('trunkline/')
      .describe('What keys in it begin with.'),
    role: templateSchema('the ARN of a role', /^arn:aws[a-z-]*:iam::(?:\d{12}|x):role\/\S+$/, [
      'project',
      'environment',
    ])
      .optional()
      .describe('A role that CloudFormation takes on to change resources. Without it, who deploys must be allowed to.'),
    timeout: durationSchema
      .prefault('60m')
      .describe('How long a stack may take. Then an update is cancelled, and CloudFormation goes back.'),
    continueRollback: flag(false).describe(
      'Whether a way back that got stuck (`UPDATE_ROLLBACK_FAILED`) is tried once more before anything else is done.',
    ),
  },
  { expected: 'a mapping such as `{ bucket: shop-deployments }`' },
)
  .meta({ id: 'CloudFormation', title: 'CloudFormation', description: 'Stacks of AWS CloudFormation.' })
  .transform(
    ({ timeout, bucket, role, ...rest }): TargetConfig => ({
      kind: 'cloudformation',
      cloudformation: { ...rest, bucket: bucket ?? null, role: role ?? null, timeoutMs: timeout },
    }),
  )
