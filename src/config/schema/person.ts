/** People, for approvals and for telling. */
import type { Person } from '../../model/index.ts'
import { show } from '../mistake.ts'
import { titleSchema } from './name.ts'
import { listOf, object, textWith } from './shapes.ts'

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

const personSchema = object({
  email: emailSchema.describe('As commits and approvals name them.'),
  name: titleSchema.optional().describe('As people call them.'),
  ssh: sshKeySchema.optional().describe('Public key that signs their records and approvals.'),
  slack: titleSchema.optional().describe('Their Slack member id, such as `U024BE7LH`.'),
})
  .meta({ id: 'Person', title: 'Person', description: 'A member of a group.' })
  .transform(
    ({ email, name, ssh, slack }): Person => ({ email, name: name ?? null, ssh: ssh ?? null, slack: slack ?? null }),
  )

export const peopleSchema = listOf(personSchema, 'a list of people')
