/** How a CI system folds its log and marks errors; and how to keep foreign output from speaking to it. */
import type { Location } from '../../../model/index.ts'
import { clean } from '../text/clean.ts'

export type CiKind = 'github' | 'gitlab' | 'other'

export function ciOf(environment: NodeJS.ProcessEnv): CiKind {
  if (environment['GITHUB_ACTIONS'] === 'true') return 'github'
  return environment['GITLAB_CI'] === 'true' ? 'gitlab' : 'other'
}

/**
 * Foreign text that no CI system takes for a command. GitHub obeys `::name::` at a line's start (after spaces) and
 * `##[name]` anywhere, Azure and TeamCity `##vso[`, `##teamcity[`; GitLab's markers need a raw ESC and CR, which are gone.
 */
export const disarm = (text: string): string => disarmPainted(clean(text))

/** The same for lines of our own, which quote foreign words and may be coloured. */
export const disarmPainted = (line: string): string =>
  line.replace(/##(?=\w*\[)/g, '# #').replace(/^((?:\s|\u001b\[\d+m)*):(?=:)/, '$1: ')

/** The same document, in which no CI system finds a command: JSON spells a character in more than one way. */
export const disarmJson = (json: string): string => json.replace(/##(?=\w*\[)/g, '#\\u0023')

/** Lines in a fold of the CI's own; with a heading where there is no folding. `id` is unique within the log. */
export function folded(ci: CiKind, id: number, title: string, lines: readonly string[], nowMs: number): string[] {
  const safe = lines.map(disarm)
  if (ci === 'github') return [`::group::${escapeData(disarm(title))}`, ...safe, '::endgroup::']
  if (ci === 'gitlab') {
    const seconds = Math.floor(nowMs / 1000)
    const section = `trunkline_${id}`
    return [
      `\u001b[0Ksection_start:${seconds}:${section}[collapsed=true]\r\u001b[0K${disarm(title)}`,
      ...safe,
      `\u001b[0Ksection_end:${seconds}:${section}\r\u001b[0K`,
    ]
  }
  return [`--- ${disarm(title)}`, ...safe.map((line) => `  ${line}`), '---']
}

export type Annotation = { title: string; message: string; location?: Location | undefined }

/** An error that shows beside the code on GitHub; nothing elsewhere. */
export function annotation(ci: CiKind, { title, message, location }: Annotation): string[] {
  if (ci !== 'github') return []
  const properties = [
    ['file', location?.file],
    ['line', location?.line],
    ['col', location?.column],
    ['title', title],
  ].flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${escapeProperty(String(value))}`]))
  return [`::error ${properties.join(',')}::${escapeData(message.split('\n').map(clean).join('\n'))}`]
}

/** As `@actions/core` does. */
const escapeData = (text: string): string => text.replace(/%/g, '%25').replace(/\r/g, '%0D').replace(/\n/g, '%0A')

const escapeProperty = (text: string): string => escapeData(clean(text)).replace(/:/g, '%3A').replace(/,/g, '%2C')
