/** Why a file of the manifest repository is left as it is: a sentence with its place, and what to do. */

export type Refusal = {
  kind: 'refused'
  /** SCREAMING_SNAKE_CASE. */
  code: RefusalCode
  file: string
  /** From 1. */
  line: number
  column: number
  sentence: string
  hint: string
}

export type RefusalCode =
  | 'FILE_INVALID'
  | 'FILE_TEMPLATED'
  | 'PLACE_MISSING'
  | 'PLACE_AMBIGUOUS'
  | 'PLACE_SHARED'
  | 'PLACE_NOT_UNDERSTOOD'

/** Thrown within the room, answered as a value by `edit` and `readImages`. */
export class NotUnderstood extends Error {
  readonly refusal: Refusal
  constructor(refusal: Refusal) {
    super(refusal.sentence)
    this.refusal = refusal
  }
}

/** A file as it was read, for places in it. */
export type SourceText = { text: string; file: string }

export type RefusalDetail = { code: RefusalCode; sentence: string; hint: string }

export function refuseAt({ text, file }: SourceText, offset: number, detail: RefusalDetail): never {
  throw new NotUnderstood({ kind: 'refused', file, ...positionOf(text, offset), ...detail })
}

/** Line and column, from 1, of an offset. `\r\n`, `\n` and `\r` end lines, as YAML has it. */
export function positionOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split(/\r\n|\n|\r/)
  return { line: before.length, column: (before.at(-1)?.replace(/^\uFEFF/, '').length ?? 0) + 1 }
}

/** `file:line:column: sentence`, for people. */
export const refusalLine = ({ file, line, column, sentence }: Refusal): string =>
  `${file}:${line}:${column}: ${sentence}`
