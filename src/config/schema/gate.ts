/** Conditions on a deployment: approval, windows. */
import { Cron } from 'croner'
import type { ApprovalPolicy, DeploymentWindow, ScanPolicy } from '../../model/index.ts'
import { closestWord } from '../did-you-mean.ts'
import { type Mistake, show } from '../mistake.ts'
import { durationSchema } from './duration.ts'
import { choice, distinct, flag, listOf, object, oneOrMany, textWith, wholeNumber } from './shapes.ts'

const approverSchema = textWith('`@group` or an e-mail address', (approver) =>
  /^@[^@\s]+$|^[^@\s]+@[^@\s]+$/.test(approver)
    ? null
    : {
        code: 'INVALID_VALUE',
        message: `\`{key}\` must be \`@group\` or an e-mail address, not ${show(approver)}`,
        hint: `for a group: "@${approver.replace(/\s/g, '-')}"`,
      },
)

export const approvalSchema = object({
  by: listOf(approverSchema, 'a list of groups and e-mail addresses')
    .superRefine(distinct)
    .prefault([])
    .describe('Who may approve: `@group` of `people`, or an e-mail address. Empty: anyone who may push.'),
  quorum: wholeNumber(1, 100).prefault(1).describe('How many must approve.'),
  notAuthor: flag(false).describe("Whether the commit's author does not count."),
  expires: durationSchema.optional().describe('After this time an approval no longer counts.'),
})
  .meta({ id: 'Approval', title: 'Approval', description: 'People must agree to the exact plan.' })
  .transform(
    ({ by, quorum, notAuthor, expires }): ApprovalPolicy => ({ by, quorum, notAuthor, expiresMs: expires ?? null }),
  )

function cronRule(expression: string): Mistake | null {
  try {
    // An offset, not a time zone: time zones cost ten milliseconds, and a window opens in all or in none.
    const cron = new Cron(expression, { utcOffset: 0, paused: true })
    // From a fixed day, so that a file is right or wrong for ever.
    if (cron.nextRun(new Date('2024-01-01T00:00:00Z')) !== null) return null
    return { code: 'INVALID_CRON', message: `the window ${show(expression)} never opens` }
  } catch (error) {
    const why = error instanceof Error ? `: ${error.message.replace(/^\w+Pattern: /, '')}` : ''
    return {
      code: 'INVALID_CRON',
      message: `${show(expression)} is not a cron expression${why}`,
      hint: 'minute, hour, day of month, month, day of week, such as "0 9 * * 1-5"',
    }
  }
}

function timezoneRule(timezone: string): Mistake | null {
  // The list is ten times as fast as a formatter; only the formatter knows other names of the same zones.
  const known = Intl.supportedValuesOf('timeZone')
  if (timezone === 'UTC' || known.includes(timezone) || isTimezone(timezone)) return null
  const closest = closestWord(timezone, known)
  return {
    code: 'INVALID_TIMEZONE',
    message: `there is no time zone ${show(timezone)}`,
    hint: closest === null ? 'use a name such as `Europe/Berlin` or `UTC`' : `did you mean \`${closest}\`?`,
  }
}

function isTimezone(timezone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone })
    return true
  } catch {
    return false
  }
}

const windowSchema = object({
  cron: textWith('a cron expression', cronRule).describe(
    'When the window opens: minute, hour, day of month, month, day of week.',
  ),
  duration: durationSchema.describe('How long it stays open.'),
  timezone: textWith('a time zone such as `Europe/Berlin`', timezoneRule)
    .prefault('UTC')
    .describe('In which the cron expression is read.'),
})
  .meta({ id: 'Window', title: 'Window', description: 'A time in which deployments may start.' })
  .transform(({ cron, duration, timezone }): DeploymentWindow => ({ cron, durationMs: duration, timezone }))

export const windowsSchema = oneOrMany(windowSchema, 'a list of windows').prefault([])

export const scanSchema = object(
  {
    below: choice(['low', 'medium', 'high', 'critical']).describe(
      'Artifacts with findings of this severity or a worse one are refused.',
    ),
    wait: durationSchema
      .prefault('10m')
      .describe('How long an artifact may be without a scan after it was put; then it is refused.'),
  },
  { expected: 'a mapping such as `{ below: high }`' },
)
  .meta({ id: 'Scan', title: 'Scan', description: 'Findings of vulnerability scans as a gate.' })
  .transform(({ below, wait }): ScanPolicy => ({ below, waitMs: wait }))
