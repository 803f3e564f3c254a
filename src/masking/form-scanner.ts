/** An Aho-Corasick automaton: finds every occurrence of many strings in one pass, whatever their number. */

/** A half-open range of code units of the text seen so far. */
export type Range = { start: number; end: number }

export type FormScanner = {
  readonly rootState: number
  /** Where, from a place in a text at which no form is begun, the next one may begin: most of a log is passed over here. */
  nextBeginning(text: string, from: number): number
  /** The state after one more code unit. */
  next(state: number, codeUnit: number): number
  /** Length of the longest form that ends in this state; 0 where none does. */
  matchLength(state: number): number
  /** How many code units back the longest begun form began: no later match starts before that. */
  pendingLength(state: number): number
}

const root = 0

/** Compiles forms into a scanner; time and memory are linear in their total length. */
export function compileForms(forms: Iterable<string>): FormScanner {
  const trie = buildTrie(forms)
  const fallback = linkFallbacks(trie)
  const { edges, depth, matched } = trie

  return {
    rootState: root,
    nextBeginning: edges.nextFromRoot,
    next(state, codeUnit) {
      let from = state
      for (;;) {
        const to = edges.get(from, codeUnit)
        if (to !== undefined) return to
        if (from === root) return root
        from = fallback[from] ?? root
      }
    },
    matchLength: (state) => matched[state] ?? 0,
    pendingLength: (state) => depth[state] ?? 0,
  }
}

type Trie = {
  edges: EdgeTable
  parents: number[]
  /** The code unit that leads into each state. */
  codeUnits: number[]
  depth: number[]
  matched: number[]
}

function buildTrie(forms: Iterable<string>): Trie {
  const edges = createEdgeTable()
  const trie: Trie = { edges, parents: [root], codeUnits: [0], depth: [0], matched: [0] }
  for (const form of forms) {
    let state = root
    for (let at = 0; at < form.length; at += 1) {
      const codeUnit = form.charCodeAt(at)
      let next = edges.get(state, codeUnit)
      if (next === undefined) {
        next = trie.parents.length
        edges.set(state, codeUnit, next)
        trie.parents.push(state)
        trie.codeUnits.push(codeUnit)
        trie.depth.push(at + 1)
        trie.matched.push(0)
      }
      state = next
    }
    if (state !== root) trie.matched[state] = form.length
  }
  return trie
}

/** For each state the longest proper suffix that is a state too; takes over that suffix's match where it has none. */
function linkFallbacks({ edges, parents, codeUnits, depth, matched }: Trie): number[] {
  const fallback = parents.map(() => root)
  const byDepth = parents.map((_, state) => state).sort((left, right) => (depth[left] ?? 0) - (depth[right] ?? 0))
  for (const state of byDepth) {
    const parent = parents[state] ?? root
    if (state === root) continue
    if (parent !== root) {
      let from = fallback[parent] ?? root
      let to = edges.get(from, codeUnits[state] ?? 0)
      while (to === undefined && from !== root) {
        from = fallback[from] ?? root
        to = edges.get(from, codeUnits[state] ?? 0)
      }
      fallback[state] = to ?? root
    }
    // A state's own form is longer than any that ends in its suffixes.
    if (matched[state] === 0) matched[state] = matched[fallback[state] ?? root] ?? 0
  }
  return fallback
}

type EdgeTable = {
  /** The first place from `from` on whose code unit leads out of the root; the text's length where none does. */
  nextFromRoot(text: string, from: number): number
  get(state: number, codeUnit: number): number | undefined
  set(state: number, codeUnit: number, next: number): void
}

/** Edges by state and code unit. The root's, asked for at nearly every character of ordinary text, are a plain array. */
function createEdgeTable(): EdgeTable {
  const ofRoot = new Int32Array(0x10000)
  const others = new Map<number, number>()
  return {
    nextFromRoot(text, from) {
      let at = from
      while (at < text.length && ofRoot[text.charCodeAt(at)] === 0) at += 1
      return at
    },
    get(state, codeUnit) {
      if (state !== root) return others.get(state * 0x10000 + codeUnit)
      const next = ofRoot[codeUnit]
      return next === 0 ? undefined : next
    },
    set(state, codeUnit, next) {
      if (state === root) ofRoot[codeUnit] = next
      else others.set(state * 0x10000 + codeUnit, next)
    },
  }
}
