import { StringDecoder } from 'node:string_decoder'

/** A single line longer than this is cut: a log is for people. */
export const maxLineLength = 64 * 1024

/**
 * Splits chunks into lines, UTF-8 safe; `\r\n` and bare `\r` (progress bars) end a line too.
 * Of a line longer than `maxLineLength` the beginning is kept, the rest up to its end is dropped: such a line has
 * exactly that length.
 */
export function lineSplitter() {
  const decoder = new StringDecoder('utf8')
  let pending = ''
  /** A `\r` at the very end of a chunk already ended its line; a `\n` that opens the next chunk belongs to it. */
  let endedByReturn = false

  const feed = (text: string): string[] => {
    if (text === '') return []
    const fresh = endedByReturn && text.startsWith('\n') ? text.slice(1) : text
    endedByReturn = text.endsWith('\r')
    const parts = fresh.split(/\r\n|\n|\r/)
    parts[0] = pending + (parts[0] ?? '')
    pending = (parts.pop() ?? '').slice(0, maxLineLength)
    return parts.map((part) => part.slice(0, maxLineLength))
  }

  return {
    push: (chunk: Buffer): string[] => feed(decoder.write(chunk)),
    /** What came after the last line end; empty where nothing did. */
    end(): string {
      const rest = pending + decoder.end()
      pending = ''
      return rest.slice(0, maxLineLength)
    },
  }
}
