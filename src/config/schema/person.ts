/** People, for approvals and for telling. */
import * as z from 'zod'
import type { Person, SigningKey } from '../../model/index.ts'
import { show } from '../mistake.ts'
import { titleSchema } from './name.ts'
import { listOf, mustBe, object, oneOrMany, textWith } from './shapes.ts'

const emailSchema = textWith('an e-mail address', (email) =>
  /^[^@\s]+@[^@\s]+$/.test(email)
    ? null
    : { code: 'INVALID_VALUE', message: `${show(email)} is not an e-mail address` },
)

const sshKeySchema = textWith('a public SSH key', (key) => {
  if (key.includes('PRIVATE KEY')) {
    return {
      code: 'SECRET_IN_CONFIG',
      message: '`{key}` is a private key',
      hint: 'write the public key, and make a new pair: this one has been in a file',
      secret: true,
    }
  }
  return /^(?:ssh-|ecdsa-|sk-)[a-z0-9@.-]+ \S+/.test(key)
    ? null
    : { code: 'INVALID_VALUE', message: '`{key}` must be a public SSH key such as `ssh-ed25519 AAAA…`' }
})

const daySchema = textWith('a day such as `2027-01-31`, or a time such as `2027-01-31T12:00:00Z`', (text) =>
  /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2})?Z)?$/.test(text) && !Number.isNaN(Date.parse(text))
    ? null
    : {
        code: 'INVALID_VALUE',
        message: `\`{key}\` must be a day such as \`2027-01-31\` or a time such as \`2027-01-31T12:00:00Z\`, not ${show(text)}`,
        hint: 'times are in UTC, with a Z at the end',
      },
)

const signingKeySchema = object({
  key: sshKeySchema.describe('The public key.'),
  from: daySchema.optional().describe('What it signed before this time does not count.'),
  until: daySchema.optional().describe('What it signed from this time on does not count.'),
})
  .meta({ id: 'SigningKey', title: 'Signing key', description: 'A public SSH key, and when it counts.' })
  .transform(
    ({ key, from, until }): SigningKey => ({ key, fromMs: timeOf(from, 0), untilMs: until ? timeOf(until, 0) : null }),
  )

const timeOf = (text: string | undefined, fallback: number): number =>
  text === undefined ? fallback : Date.parse(text)

const plainKey = sshKeySchema.transform((key): SigningKey => ({ key, fromMs: 0, untilMs: null }))

/** One key or several, each with the time in which it counts where that is not always. */
export const signingKeysSchema = oneOrMany(
  z.union([plainKey, signingKeySchema], { error: mustBe('a public SSH key such as `ssh-ed25519 AAAA…`') }),
  'a public SSH key, or a list of them',
)

const personSchema = object({
  email: emailSchema.describe('As commits and approvals name them.'),
  name: titleSchema.optional().describe('As people call them.'),
  ssh: signingKeysSchema.optional().describe('Public keys that sign what they decide.'),
  slack: titleSchema.optional().describe('Their Slack member id, such as `U024BE7LH`.'),
})
  .meta({ id: 'Person', title: 'Person', description: 'A member of a group.' })
  .transform(
    ({ email, name, ssh, slack }): Person => ({ email, name: name ?? null, ssh: ssh ?? [], slack: slack ?? null }),
  )

export const peopleSchema = listOf(personSchema, 'a list of people')

const builderSchema = object({
  name: titleSchema.describe('As reports call it, such as `ci`.'),
  ssh: signingKeysSchema.describe('Public keys that sign what it writes.'),
}).meta({ id: 'SigningBuilder', title: 'Builder', description: 'Who delivers: a CI, a server, a machine.' })

const groupSchema = textWith('a group such as `@release-managers`', (group) =>
  /^@[^@\s]+$/.test(group)
    ? null
    : { code: 'INVALID_VALUE', message: `\`{key}\` must be a mapping with \`name\` and \`ssh\`, or \`@group\`` },
)

export const buildersSchema = listOf(
  z.union([groupSchema, builderSchema], { error: mustBe('a mapping with `name` and `ssh`, or `@group`') }),
  'a list of builders',
)
