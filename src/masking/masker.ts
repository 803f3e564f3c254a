import { compileForms, type FormScanner, type Range } from './form-scanner.ts'
import { isTrivialSecret, secretForms } from './secret-forms.ts'

/** Stands for a secret. Its length says nothing about the secret's. */
export const maskText = '•••'

export type Masker = {
  /** The text with every form of every secret replaced by `•••`; overlapping finds become one. */
  mask(text: string): string
  /**
   * Like `mask`, for a text whose end was cut off: a form that only begins there is masked too.
   * What was not a secret may be masked with it.
   */
  maskCut(text: string): string
  /** A secret may be split over chunks: text that could be the start of one is held back until it is clear. */
  stream(): MaskingStream
}

export type MaskingStream = {
  /** Takes any piece of text; answers what is safe to show so far. */
  push(chunk: string): string
  /** The rest. */
  end(): string
}

/** Secrets that are not masked, since masking them would make output unreadable: the caller may want to warn. */
export const unmaskableSecrets = (secrets: Iterable<string>): string[] =>
  [...new Set(secrets)].filter((secret) => secret !== '' && isTrivialSecret(secret))

/**
 * Compiles secrets (values, as they are given to processes) into one scanner. Each is found as it is, line by line, and
 * in base64, base64url, hex, URL-encoded, JSON-escaped, shell-quoted and HTML-escaped form. Masking takes time linear in the text.
 * Compiling waits for the first text: most deployments have nothing to mask.
 */
export function createMasker(secrets: Iterable<string>): Masker {
  const values = [...new Set(secrets)].filter((secret) => !isTrivialSecret(secret))
  if (values.length === 0) return passThrough
  let compiled: FormScanner | null = null
  const scanner = (): FormScanner => {
    compiled ??= compileForms(new Set(values.flatMap((secret) => [...secretForms(secret)])))
    return compiled
  }
  const openStream = () => maskingStream(scanner())

  return {
    mask(text) {
      const stream = openStream()
      return stream.push(text) + stream.end()
    },
    maskCut(text) {
      const stream = openStream()
      const safe = stream.push(text)
      return stream.end() === '' ? safe : safe + maskText
    },
    stream: openStream,
  }
}

const passThrough: Masker = {
  mask: (text) => text,
  maskCut: (text) => text,
  stream: () => ({ push: (chunk) => chunk, end: () => '' }),
}

function maskingStream(scanner: FormScanner): MaskingStream {
  let state = scanner.rootState
  /** Text not yet handed over, and where it begins in the whole. */
  let held = ''
  let heldFrom = 0
  /** Finds within the held text: disjoint, in order. */
  const finds: Range[] = []

  /** Hands over everything before `limit`, which lies inside no find. */
  const release = (limit: number): string => {
    let shown = ''
    let at = heldFrom
    let done = 0
    for (const find of finds) {
      if (find.end > limit) break
      shown += held.slice(at - heldFrom, find.start - heldFrom) + maskText
      at = find.end
      done += 1
    }
    finds.splice(0, done)
    shown += held.slice(at - heldFrom, limit - heldFrom)
    held = held.slice(limit - heldFrom)
    heldFrom = limit
    return shown
  }

  return {
    push(chunk) {
      const chunkFrom = heldFrom + held.length
      held += chunk
      for (let at = 0; at < chunk.length; at += 1) {
        if (state === scanner.rootState) at = scanner.nextBeginning(chunk, at)
        if (at === chunk.length) break
        state = scanner.next(state, chunk.charCodeAt(at))
        const length = scanner.matchLength(state)
        if (length > 0) addFind(finds, { start: chunkFrom + at + 1 - length, end: chunkFrom + at + 1 })
      }
      // Later finds begin no earlier than this; one that ends after it may still grow.
      let limit = heldFrom + held.length - scanner.pendingLength(state)
      const last = finds.findLast((find) => find.start < limit && find.end > limit)
      if (last !== undefined) limit = last.start
      return release(limit)
    },
    end() {
      state = scanner.rootState
      return release(heldFrom + held.length)
    },
  }
}

/** Adds a find that ends where no earlier one ends later, joining those it overlaps. */
function addFind(finds: Range[], find: Range): void {
  let joined = find
  for (let last = finds.at(-1); last !== undefined && last.end > joined.start; last = finds.at(-1)) {
    joined = { start: Math.min(last.start, joined.start), end: joined.end }
    finds.pop()
  }
  finds.push(joined)
}
