/** A notification as a Slack message: what happened, why, what one can do, and who was part of it. */
import { type NotificationKind, type Person, short } from '../../model/index.ts'
import type { Notification } from '../../ports/index.ts'
import { escapeCode, escapeText, fencedTail } from './escape.ts'

/** https://docs.slack.dev/reference/block-kit/blocks/section-block. The context's parts are far below their 2000. */
const sectionLimit = 3000
/** The text that notifications of the phone show. */
const summaryLimit = 300
const mostReasons = 5

type MarkdownText = {
  type: 'mrkdwn'
  text: string /** Nothing in it becomes a link or a mention by itself. */
  verbatim: true
}
type Block = { type: 'section'; text: MarkdownText } | { type: 'context'; elements: MarkdownText[] }

export type SlackMessage = { text: string; blocks: Block[] }

export function slackMessage(notification: Notification, people: readonly Person[]): SlackMessage {
  const { headline, emoji } = said(notification)
  return {
    text: escapeText(`${notification.project}: ${headline}`, summaryLimit),
    blocks: [
      section(`${emoji} *${escapeText(headline, 400)}*`),
      ...reasonBlocks(notification),
      ...actionBlocks(notification),
      ...logBlocks(notification),
      context(notification, people),
    ],
  }
}

function said({ kind, version, environment, step }: Notification): { headline: string; emoji: string } {
  const headlines: Record<NotificationKind, { headline: string; emoji: string }> = {
    started: { headline: `${version} is being deployed to ${environment}`, emoji: ':arrow_forward:' },
    succeeded: { headline: `${environment} runs ${version}`, emoji: ':white_check_mark:' },
    failed: { headline: `${version} failed in ${environment}${step === null ? '' : ` at ${step}`}`, emoji: ':x:' },
    errored: { headline: `${version} could not be deployed to ${environment}`, emoji: ':warning:' },
    refused: {
      headline: `${version} was refused in ${environment}${step === null ? '' : ` at ${step}`}`,
      emoji: ':no_entry_sign:',
    },
    waiting: { headline: `${version} waits for ${environment}`, emoji: ':hourglass_flowing_sand:' },
    'rolled-back': { headline: `${environment} is rolled back to ${version}`, emoji: ':rewind:' },
    yanked: { headline: `${version} is yanked: it can go nowhere`, emoji: ':no_entry:' },
    held: { headline: `${environment} is held`, emoji: ':double_vertical_bar:' },
  }
  return headlines[kind]
}

function reasonBlocks({ reasons }: Notification): Block[] {
  if (reasons.length === 0) return []
  const lines = reasons.slice(0, mostReasons).map((reason) => `• ${escapeText(oneLine(reason.message), 500)}`)
  const left = reasons.length - mostReasons
  return [section([...lines, ...(left > 0 ? [`… and ${left} more`] : [])].join('\n'))]
}

/** What the reader can do now, as a command to copy. */
function actionBlocks({ kind, environment, plan }: Notification): Block[] {
  if (kind === 'held') return [section(`To go on: ${escapeCode(`trunkline resume ${environment}`, 200)}`)]
  // A plan can only be waiting for approval where there is one to approve.
  if (kind !== 'waiting' || plan === null) return []
  return [
    section(`To approve: ${escapeCode(`trunkline approve ${environment}`, 200)}  plan ${escapeCode(short(plan), 20)}`),
  ]
}

function logBlocks({ kind, step, logTail }: Notification): Block[] {
  if (logTail.length === 0 || (kind !== 'failed' && kind !== 'errored' && kind !== 'rolled-back' && kind !== 'yanked'))
    return []
  const title = step === null ? '' : `${escapeCode(step, 200)}\n`
  return [section(title + fencedTail(logTail, sectionLimit - title.length))]
}

function context(notification: Notification, people: readonly Person[]): Block {
  const { project, commit, ref, author, actor, durationMs } = notification
  const parts = [
    escapeText(project, 100),
    commit === null ? '' : escapeCode(short(commit), 20),
    ref === null ? '' : escapeCode(ref.replace(/^refs\/(?:heads|tags)\//, ''), 200),
    author === null ? '' : `by ${personOf(author, people)}`,
    author !== null && author.email.toLowerCase() === actor.email.toLowerCase()
      ? ''
      : `started by ${personOf(actor, people)}`,
    durationMs === null ? '' : `after ${seconds(durationMs)}`,
  ]
  const text = parts.filter((part) => part !== '').join(' · ')
  return { type: 'context', elements: [{ type: 'mrkdwn', text, verbatim: true }] }
}

/** `<@U0123>` where `people` knows the Slack id behind the e-mail, else the name. */
function personOf({ name, email }: { name: string; email: string }, people: readonly Person[]): string {
  const id = people.find((person) => person.email.toLowerCase() === email.toLowerCase() && person.slack !== null)?.slack
  // Anything but an id would let configuration write `<!channel>`.
  if (id != null && /^[UW][A-Z0-9]{2,20}$/.test(id)) return `<@${id}>`
  return escapeText(oneLine(name || email), 100)
}

const section = (text: string): Block => ({ type: 'section', text: { type: 'mrkdwn', text, verbatim: true } })
const oneLine = (text: string): string => text.replace(/\s+/g, ' ')

function seconds(durationMs: number): string {
  const whole = Math.round(durationMs / 1000)
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}
