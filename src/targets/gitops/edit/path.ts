/** Ways into a file as people write them: `spec.containers[name=carts].image`, `["a.b/c"]`, `[0]`. */
import { usageError } from '../../../model/index.ts'

export type PathStep =
  | { kind: 'key'; key: string }
  | { kind: 'index'; index: number }
  /** The one item of a list whose `field` is `value`. */
  | { kind: 'item'; field: string; value: string }

const quoted = /"(?:[^"\\]|\\.)*"/y
const bareKey = /[^.[\]"\s]+/y
const index = /\d{1,6}(?=\])/y
const item = /([A-Za-z0-9_-]{1,63})=/y
const bareValue = /[^\]"]+/y

/** Throws a usage error that says where the path is wrong. */
export function parsePath(text: string): PathStep[] {
  const steps: PathStep[] = []
  let at = 0
  const match = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at
    const found = pattern.exec(text)
    if (found !== null) at += found[0].length
    return found
  }
  const fail = (): never => {
    throw usageError('PATH_INVALID', `${JSON.stringify(text)} is no path into a file: see character ${at + 1}`, {
      hint: 'Write it as spec.template.containers[name=carts].image; keys with dots in quotes: annotations."example.com/image".',
    })
  }
  const unquote = (literal: string): string => {
    try {
      return JSON.parse(literal) as string // a string literal, as the pattern says
    } catch {
      return fail()
    }
  }
  const bracket = (): PathStep => {
    const literal = match(quoted)
    if (literal !== null) return { kind: 'key', key: unquote(literal[0]) }
    const number = match(index)
    if (number !== null) return { kind: 'index', index: Number(number[0]) }
    const field = match(item)?.[1]
    if (field === undefined) return fail()
    const value = match(quoted)
    if (value !== null) return { kind: 'item', field, value: unquote(value[0]) }
    return { kind: 'item', field, value: match(bareValue)?.[0] ?? fail() }
  }
  while (at < text.length) {
    if (text[at] === '[') {
      at++
      steps.push(bracket())
      if (text[at] !== ']') fail()
      at++
    } else {
      if (steps.length > 0) {
        if (text[at] !== '.') fail()
        at++
      }
      const literal = match(quoted)
      steps.push({ kind: 'key', key: literal === null ? (match(bareKey)?.[0] ?? fail()) : unquote(literal[0]) })
    }
  }
  if (steps.length === 0) fail()
  return steps
}

/** The path as people write it. */
export function pathText(steps: readonly PathStep[]): string {
  return steps.reduce((text, step) => {
    if (step.kind === 'index') return `${text}[${step.index}]`
    if (step.kind === 'item')
      return `${text}[${step.field}=${/["\]]/.test(step.value) ? JSON.stringify(step.value) : step.value}]`
    const key = /^[^.[\]"\s]+$/.test(step.key) ? step.key : JSON.stringify(step.key)
    return text === '' ? key : `${text}.${key}`
  }, '')
}
