/**
 * What a glob may cost. Globs become regular expressions, and those try every way to share a name among wildcards: with
 * enough of them one long file name takes for ever. Who writes the glob and who names the files may be anybody.
 */

const longestPattern = 1_000
/** With a name of 255 letters this many wildcards of one segment have 2.7 million ways to share it. */
const mostInSegment = 3
const mostAcross = 3

export type PatternCost = {
  /** The end of a sentence about the pattern; null where it may be used. */
  fault: string | null
  /** Worth a cheap look whether a name can match at all before the expression tries all ways. */
  isDear: boolean
}

/** How dear a glob is; by its text alone. */
export function patternCost(pattern: string): PatternCost {
  if (pattern.length > longestPattern) return { fault: `is longer than ${longestPattern} characters`, isDear: true }
  // A name has no use for them, and picomatch 4.0.7 never comes to the end of `*` and four of them.
  if (/\\{3}/.test(pattern)) return { fault: 'has more than two backslashes in a row', isDear: true }
  const segments = pattern.split('/')
  const across = segments.filter((segment) => /^\*{2,}$/.test(segment)).length
  const within = Math.max(...segments.map(repeatersIn))
  const isDear = across >= mostAcross || within >= mostInSegment
  // With letters, `*`, `?` and `**` alone, the cheap look is the whole answer.
  if (!/[[\]{}()|\\]/.test(pattern)) return { fault: null, isDear }
  if (within > mostInSegment) return { fault: `has more than ${mostInSegment} wildcards in one segment`, isDear }
  if (across > mostAcross) return { fault: `has more than ${mostAcross} times \`**\``, isDear }
  return { fault: null, isDear }
}

/** Wildcards of any length in one segment; a repeated group counts as the two it can be. */
function repeatersIn(segment: string): number {
  if (/^\*{2,}$/.test(segment)) return 0
  const groups = segment.match(/[*+!]\(/g)?.length ?? 0
  return (segment.match(/\*+(?!\()/g)?.length ?? 0) + 2 * groups
}
