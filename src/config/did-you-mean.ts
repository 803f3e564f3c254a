/** Finds the word that was probably meant. */

const longestWord = 64

/** For a known word, what it is called elsewhere. */
type OtherWords = Readonly<Record<string, readonly string[]>>

/**
 * The known word closest to `word`, or null where none is close: no edit in two letters, one in a short word, one in three
 * letters in a longer one. Letter case and separators count for nothing.
 */
export function closestWord(word: string, known: Iterable<string>, otherWords: OtherWords = {}): string | null {
  if (word.length > longestWord) return null
  const wanted = plain(word)
  let best: string | null = null
  let bestDistance = (wanted.length < 3 ? 0 : Math.max(1, Math.floor(wanted.length / 3))) + 1
  for (const candidate of known) {
    if (candidate.length > longestWord) continue
    const names = [candidate, ...(Object.hasOwn(otherWords, candidate) ? (otherWords[candidate] ?? []) : [])]
    const distance = Math.min(...names.map((name) => editDistance(wanted, plain(name))))
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** `: did you mean \`artifact\`?`, or nothing where no word is close. */
export function didYouMean(word: string, known: Iterable<string>, otherWords: OtherWords = {}): string {
  const closest = closestWord(word, known, otherWords)
  return closest === null || closest === word ? '' : `: did you mean \`${closest}\`?`
}

const plain = (word: string): string => word.toLowerCase().replace(/[-_ ]/g, '')

/** Optimal string alignment: insertions, deletions, replacements and swaps of neighbours. */
function editDistance(left: string, right: string): number {
  let beforePrevious: number[] = []
  let previous = Array.from({ length: right.length + 1 }, (_, column) => column)
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= right.length; column += 1) {
      const same = left[row - 1] === right[column - 1]
      let cost = Math.min(
        at(previous, column) + 1,
        at(current, column - 1) + 1,
        at(previous, column - 1) + (same ? 0 : 1),
      )
      const swapped =
        row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]
      if (swapped) cost = Math.min(cost, at(beforePrevious, column - 2) + 1)
      current.push(cost)
    }
    beforePrevious = previous
    previous = current
  }
  return at(previous, right.length)
}

const at = (row: readonly number[], column: number): number => row[column] ?? Number.POSITIVE_INFINITY
