/** The account of AWS that an environment, or the project, is in. */
import type * as z from 'zod'
import { show } from '../mistake.ts'
import { templateSchema } from './placeholder.ts'
import { object, textWith } from './shapes.ts'

const regionSchema = textWith('a region such as `eu-west-1`', (region) =>
  /^[a-z]{2}(?:-[a-z]+)+-\d$/.test(region)
    ? null
    : { code: 'INVALID_VALUE', message: `\`{key}\` must be a region such as \`eu-west-1\`, not ${show(region)}` },
)

const accountSchema = textWith('the twelve digits of an account, in quotes', (account) =>
  /^\d{12}$/.test(account)
    ? null
    : { code: 'INVALID_VALUE', message: '`{key}` must be the twelve digits of an account, in quotes' },
)

const endpointSchema = textWith('a URL', (url) =>
  /^https?:\/\/[^\s@]+$/.test(url) ? null : { code: 'INVALID_VALUE', message: '`{key}` must be a URL' },
)

const profileSchema = textWith('the name of a profile', (name) =>
  /^[^\s-]\S*$/.test(name) ? null : { code: 'INVALID_VALUE', message: '`{key}` must be the name of a profile' },
)

export const awsSchema = object(
  {
    region: regionSchema.optional().describe('Where everything is.'),
    account: accountSchema
      .optional()
      .describe('The account that it is: nothing is written where the credentials belong to another.'),
    role: templateSchema('the ARN of a role', /^arn:aws[a-z-]*:iam::(?:\d{12}|x):role\/\S+$/, [
      'project',
      'environment',
    ])
      .optional()
      .describe(
        "A role that is taken on: with the CI job's own identity where it has one (OpenID Connect), else with the credentials at hand.",
      ),
    endpoint: endpointSchema
      .optional()
      .describe('In place of the endpoints of AWS, for emulators and private networks.'),
    profile: profileSchema.optional().describe('A profile of `~/.aws/config`, for use by people.'),
  },
  { expected: 'a mapping such as `{ region: eu-west-1, account: "111122223333" }`' },
).meta({ id: 'Aws', title: 'AWS', description: 'The account and region, and how they are reached.' })

/** As written: an environment's goes over the project's. */
export type AwsDocument = z.output<typeof awsSchema>
