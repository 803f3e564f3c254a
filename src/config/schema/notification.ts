/** Whom to tell, and where. */
import * as z from 'zod'
import type { SecretReference } from '../../model/index.ts'
import { carryMistakes, type Mistake, show } from '../mistake.ts'
import { nameSchema, variableNameSchema } from './name.ts'
import { isSecret } from './secret.ts'
import { choice, distinct, exactlyOne, listOf, mustBe, object, textWith } from './shapes.ts'

const kinds = ['started', 'succeeded', 'failed', 'errored', 'waiting', 'rolled-back', 'yanked', 'held'] as const

const writtenOut: Mistake = {
  code: 'SECRET_IN_CONFIG',
  message: '`{key}` is a secret, written out',
  hint: 'write `{ from: NAME }` with the name of a variable, and change the secret: it has been in a file',
  secret: true,
}

const isNoReference = mustBe('a mapping such as `{ from: NAME }`')

export const secretSourceSchema = object(
  { from: variableNameSchema.describe('A variable of the process that delivers.') },
  { wrongType: (issue) => (typeof issue.input === 'string' ? carryMistakes(writtenOut) : isNoReference(issue)) },
).meta({
  id: 'SecretReference',
  title: 'Reference to a secret',
  description: 'Names a secret, which never stands in the file.',
})

const urlSchema = textWith('a URL, or a mapping with `from`', (text) => {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return {
      code: 'INVALID_VALUE',
      message: `\`{key}\` must be an http or https URL, not ${isSecret(text) ? 'this' : show(text)}`,
    }
  }
  return url.password !== '' || isSecret(text) ? writtenOut : null
})

const slackSchema = object({
  webhook: secretSourceSchema.describe('The URL of an incoming webhook: a secret.'),
}).meta({ id: 'Slack', title: 'Slack', description: 'A Slack incoming webhook.' })

const webhookSchema = object({
  url: z
    .union([urlSchema.transform((value): SecretReference => ({ value })), secretSourceSchema], {
      error: mustBe('a URL, or a mapping with `from`'),
    })
    .describe('Where to post to.'),
  secret: secretSourceSchema.optional().describe('Signs each request.'),
}).meta({ id: 'Webhook', title: 'Webhook', description: 'A signed POST of a JSON document.' })

const channelSchema = object({
  slack: slackSchema.optional().describe('A Slack incoming webhook.'),
  webhook: webhookSchema.optional().describe('A signed POST of a JSON document.'),
  on: listOf(choice(kinds), 'a list of events')
    .superRefine(distinct)
    .prefault([...kinds])
    .describe('Events that are told.'),
  environments: listOf(nameSchema, 'a list of environments')
    .superRefine(distinct)
    .optional()
    .describe('Environments whose events are told. Without it: all.'),
})
  .superRefine(exactlyOne('channel', ['slack', 'webhook']))
  .meta({ id: 'Channel', title: 'Notification', description: 'A channel and what it is told: `slack` or `webhook`.' })

export const notifySchema = listOf(channelSchema, 'a list of channels').prefault([])

export type ChannelDocument = z.output<typeof channelSchema>
