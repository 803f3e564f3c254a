/** Text for Slack's mrkdwn: escaped as Slack asks, and no longer than a place allows. */

import { sanitizeTerminal } from '../../masking/index.ts'

/** https://docs.slack.dev/messaging/formatting-message-text#escaping: these three and no others. */
const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' }

/** Escaped, at most `limit` UTF-16 units long; a cut is marked and splits no entity or character; no fence opens or closes. */
export function escapeText(text: string, limit: number): string {
  let escaped = ''
  for (const character of sanitizeTerminal(text).replaceAll('```', "'''")) {
    const next = entities[character] ?? character
    if (escaped.length + next.length > limit - 1) return `${escaped}…`
    escaped += next
  }
  return escaped
}

/** One line inside backticks. */
export const escapeCode = (text: string, limit: number): string =>
  `\`${escapeText(text.replaceAll('`', "'").replace(/\s+/g, ' '), limit - 2)}\``

/** The last lines that fit, in a fence that nothing inside can close. */
export function fencedTail(lines: readonly string[], limit: number): string {
  const room = limit - '```\n\n```'.length
  const kept: string[] = []
  let used = 0
  for (const line of lines.toReversed()) {
    const escaped = escapeText(line, Math.min(500, room))
    if (used + escaped.length + 1 > room) break
    kept.unshift(escaped)
    used += escaped.length + 1
  }
  return `\`\`\`\n${kept.join('\n')}\n\`\`\``
}
