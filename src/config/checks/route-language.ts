/** Whether every ref that one route pattern matches is matched by others before it. Pure. */

/** `one` and `many` do not match a slash; `all` does. `many` and `all` also match nothing. */
type Token = { kind: 'literal'; character: string } | { kind: 'one' } | { kind: 'many' } | { kind: 'all' }

/** Beyond this many steps the answer is "no": patterns are short, and not knowing is harmless. */
const mostSteps = 20_000

/** A character that stands in no pattern, for all that do not. */
const other = '\u{10ffff}'

/** Whether the language of `pattern` lies within the union of the languages of `earlier`. */
export function isCovered(pattern: string, earlier: readonly string[]): boolean {
  const wanted = tokensOf(pattern)
  const known = earlier.map(tokensOf)
  const alphabet = new Set(['/', other])
  for (const token of [wanted, ...known].flat()) if (token.kind === 'literal') alphabet.add(token.character)

  type Combination = { wanted: Set<number>; known: Set<number>[] }
  const start: Combination = { wanted: closure([0], wanted), known: known.map((tokens) => closure([0], tokens)) }
  const seen = new Set([keyOf(start)])
  const queue = [start]
  for (const combination of queue) {
    const isAccepted = combination.known.some((states, index) => states.has(known[index]?.length ?? -1))
    if (combination.wanted.has(wanted.length) && !isAccepted) return false
    if (seen.size * alphabet.size * (known.length + 1) > mostSteps) return false
    for (const character of alphabet) {
      const next: Combination = {
        wanted: step(combination.wanted, character, wanted),
        known: combination.known.map((states, index) => step(states, character, known[index] ?? [])),
      }
      const key = keyOf(next)
      if (next.wanted.size === 0 || seen.has(key)) continue
      seen.add(key)
      queue.push(next)
    }
  }
  return true

  function keyOf(combination: Combination): string {
    return [combination.wanted, ...combination.known].map((states) => [...states].sort().join(',')).join(';')
  }
}

function tokensOf(pattern: string): Token[] {
  const parts = pattern.match(/\{[A-Za-z0-9_]+\}|\*\*|\*|./gsu) ?? []
  return parts.flatMap((part): Token[] => {
    if (part === '**') return [{ kind: 'all' }]
    if (part === '*') return [{ kind: 'many' }]
    if (part.length > 1 && part.startsWith('{')) return [{ kind: 'one' }, { kind: 'many' }]
    return [{ kind: 'literal', character: part }]
  })
}

/** States count the tokens that are behind; tokens that may match nothing can be skipped. */
function closure(states: Iterable<number>, tokens: readonly Token[]): Set<number> {
  const closed = new Set(states)
  for (const state of closed) {
    const token = tokens[state]
    if (token?.kind === 'many' || token?.kind === 'all') closed.add(state + 1)
  }
  return closed
}

function step(states: ReadonlySet<number>, character: string, tokens: readonly Token[]): Set<number> {
  const next: number[] = []
  for (const state of states) {
    const token = tokens[state]
    if (token === undefined) continue
    if (token.kind === 'literal' && token.character === character) next.push(state + 1)
    if (token.kind === 'one' && character !== '/') next.push(state + 1)
    if (token.kind === 'many' && character !== '/') next.push(state)
    if (token.kind === 'all') next.push(state)
  }
  return closure(next, tokens)
}
