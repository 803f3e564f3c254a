/**
 * The hidden call behind dynamic completion:
 *
 *   trunkline __complete <kinds> -- <words>
 *
 * `kinds` are comma-separated candidate kinds, `words` all words after the program's name up to and with the one being
 * typed (which may be empty). It answers one candidate a line, `value<TAB>description`, and exits 0 whatever happens:
 * a shell that completes must never show an error or wait.
 */
import { clean } from '../view/text/clean.ts'
import type { CandidateKind } from './spec.ts'

export type Candidate = { value: string; description: string }
export type CandidateSource = (kind: CandidateKind) => Promise<Candidate[]>

const answerWithinMs = 1000
const mostCandidates = 300
const kinds: readonly CandidateKind[] = ['environment', 'service', 'task', 'ref']

/** Answers a `__complete` call, given its arguments: the text for standard output. Never throws, takes about a second at most. */
export async function answerCompletion(argv: readonly string[], candidates: CandidateSource): Promise<string> {
  const [wanted = '', ...words] = argv.filter((word, index) => !(index === 1 && word === '--'))
  const asked = wanted.split(',')
  const start = unquoted(words.at(-1) ?? '')
  const lists = await Promise.all(
    kinds.filter((kind) => asked.includes(kind)).map((kind) => withinTime(candidates(kind).catch(() => []))),
  )
  const seen = new Set<string>()
  return lists
    .flat()
    .filter(({ value }) => isOneWord(value) && value.startsWith(start) && !seen.has(value) && seen.add(value))
    .slice(0, mostCandidates)
    .map(({ value, description }) => `${value}\t${clean(description)}\n`)
    .join('')
}

/** A shell that completes `feat\;x` passes the word as it was typed. */
const unquoted = (word: string): string => word.replace(/^["']/, '').replace(/\\(.)/g, '$1')

/** What cannot stand on a line of the answer cannot be typed either. */
const isOneWord = (value: string): boolean => value !== '' && !/[\s\u0000-\u001f\u007f]/.test(value)

async function withinTime(list: Promise<Candidate[]>): Promise<Candidate[]> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Candidate[]>((resolve) => {
    timer = setTimeout(() => resolve([]), answerWithinMs)
  })
  try {
    return await Promise.race([list, late])
  } finally {
    clearTimeout(timer)
  }
}
