/** Reasons on a page: the sentence, then the evidence that the sentence does not already name. */
import { type EnvironmentName, type OutcomeKind, type Reason, short } from '../../../model/index.ts'
import { type Line, type Pen, spaces, wrap } from '../text/index.ts'

export type ReasonOptions = {
  indent: number
  /** How many reasons are shown before the rest is counted; default all. */
  most?: number
  evidence?: boolean
  hints?: boolean
}

export function reasonLines(reasons: readonly Reason[], pen: Pen, options: ReasonOptions): Line[] {
  const { indent, most = Number.POSITIVE_INFINITY, evidence = true, hints = true } = options
  const shown = tellingFirst(distinct(reasons))
  const lines = shown.slice(0, most).flatMap((reason) => {
    const lead = [pen.plain(reason.message)]
    const proof = evidence ? evidenceOf(reason) : ''
    return [
      ...(proof === '' ? hanging(lead, indent, pen) : hanging([...lead, spaces(2), pen.dim(proof)], indent, pen)),
      ...(hints && reason.hint !== undefined ? hanging(hintSpans(reason.hint, pen), indent, pen) : []),
    ]
  })
  const left = countTelling(shown.slice(most), reasons)
  return left === 0 ? lines : [...lines, [spaces(indent), pen.dim(`and ${left} more`)]]
}

/** Wrapped at the style's width; further lines stand two columns further in. */
export function hanging(spans: Line, indent: number, pen: Pen): Line[] {
  return wrap(spans, Math.max(16, pen.style.width - indent - 2)).map((line, index) => [
    spaces(indent + (index === 0 ? 0 : 2)),
    ...line,
  ])
}

/** `input services/carts/** (path), ref refs/heads/main`: what the message does not say itself. */
export function evidenceOf(reason: Reason): string {
  const isNew = (text: string | undefined): text is string => text !== undefined && !reason.message.includes(text)
  const parts: string[] = []
  if (isNew(reason.file)) parts.push(reason.file)
  if (isNew(reason.input)) parts.push(`input ${reason.input}`)
  if (isNew(reason.ref)) parts.push(`ref ${reason.ref}`)
  if (reason.commit !== undefined && isNew(short(reason.commit))) parts.push(`commit ${short(reason.commit)}`)
  if (reason.digest !== undefined && isNew(short(reason.digest))) parts.push(`artifact ${short(reason.digest)}`)
  const rule = isNew(reason.rule) ? ` (${reason.rule})` : ''
  return parts.length === 0 ? '' : parts.join(', ') + rule
}

export const hintSpans = (hint: string, pen: Pen): Line => [pen.dim(`${pen.symbols.arrow} `), pen.accent(hint)]

/** Say why there was nothing to build. */
const reuseCodes: ReadonlySet<string> = new Set([
  ...['nothing-changed', 'keys-unchanged', 'check-inputs-changed', 'deploy-inputs-changed'],
  ...['inputs-of-others', 'inputs-of-none'],
])

/**
 * Reasons that only say that something is so stand back behind those that say why. That something was built before says
 * why only where its inputs did change: then the changes are what stands back.
 */
function isVagueAmong(reasons: readonly Reason[]): (reason: Reason) => boolean {
  const isReused = reasons.some(({ code }) => code === 'already-built')
  const isUnchanged = reasons.some(({ code }) => reuseCodes.has(code))
  return ({ code }) => {
    if (code === 'never-built' || code === 'not-checked') return true
    if (code === 'already-built') return isUnchanged
    return isReused && !reuseCodes.has(code)
  }
}

/** Whether any of them says why. */
export const isExplained = (reasons: readonly Reason[]): boolean => !reasons.every(isVagueAmong(reasons))

/** The most telling first; their order stays otherwise. */
function tellingFirst(reasons: readonly Reason[]): Reason[] {
  const isVague = isVagueAmong(reasons)
  return [...reasons].sort((left, right) => Number(isVague(left)) - Number(isVague(right)))
}

/** How many of those left over are worth a mention. */
const countTelling = (left: readonly Reason[], all: readonly Reason[]): number => {
  const isVague = isVagueAmong(all)
  return left.filter((reason) => !isVague(reason)).length
}

/** The most telling reason's message, for places with room for one. */
export const briefReason = (reasons: readonly Reason[]): string => {
  const [first, ...others] = tellingFirst(distinct(reasons))
  if (first === undefined) return ''
  const left = countTelling(others, reasons)
  return left === 0 ? first.message : `${first.message} (+${left})`
}

/** The same sentence twice says nothing more. */
function distinct(reasons: readonly Reason[]): Reason[] {
  const seen = new Set<string>()
  return reasons.filter((reason) => {
    const key = `${reason.message}\0${evidenceOf(reason)}`
    return seen.has(key) ? false : seen.add(key)
  })
}

/** Groups things by the code of their most telling reason, in the order of first appearance. */
export function groupByReason<Thing extends { reasons: readonly Reason[] }>(things: readonly Thing[]): Thing[][] {
  const groups = new Map<string, Thing[]>()
  for (const thing of things) {
    const code = tellingFirst(thing.reasons)[0]?.code ?? ''
    groups.set(code, [...(groups.get(code) ?? []), thing])
  }
  return [...groups.values()]
}

/** What a person can do now; null where nothing is left to do. The reasons' own hints come first. */
export function nextStep(
  environment: EnvironmentName,
  outcome: OutcomeKind,
  reasons: readonly Reason[],
): string | null {
  const hint = reasons.find((reason) => reason.hint !== undefined)?.hint
  if (hint !== undefined) return hint
  const codes = reasons.map((reason) => reason.code).join(' ')
  if (outcome === 'waiting') return /approv/.test(codes) ? `trunkline approve ${environment}` : 'trunkline advance'
  if (/\bheld|hold\b/.test(codes)) return `trunkline resume ${environment}`
  if (outcome === 'failed' || outcome === 'errored') return `trunkline log ${environment}`
  return null
}
