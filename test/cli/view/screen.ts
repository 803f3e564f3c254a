/** A terminal reduced to what the live view uses: a screen of rows, a cursor and the escape sequences that move it. */
import { EventEmitter } from 'node:events'

export class Screen extends EventEmitter {
  readonly isTTY = true
  columns: number
  rows: number
  /** All rows since the start; those above the last `rows` have scrolled away for good. */
  #lines: string[] = ['']
  #row = 0
  #column = 0

  constructor(columns: number, rows: number) {
    super()
    this.columns = columns
    this.rows = rows
  }

  write(text: string): boolean {
    for (const [token] of text.matchAll(/\u001b\[[?0-9;]*[A-Za-z]|[\s\S]/gu)) {
      if (token === '\n') this.#moveTo(this.#row + 1, 0)
      else if (token === '\r') this.#column = 0
      else if (token.startsWith('\u001b')) this.#obey(token)
      else this.#print(token)
    }
    return true
  }

  /** What can be seen now, without empty rows at the end. */
  visible(): string[] {
    const rows = this.#lines.slice(-this.rows)
    return rows.slice(0, rows.findLastIndex((row) => row.trim() !== '') + 1).map((row) => row.trimEnd())
  }

  /** Everything that was ever left on the screen. */
  all(): string[] {
    return this.#lines.map((line) => line.trimEnd())
  }

  #obey(sequence: string) {
    const amount = Number.parseInt(sequence.slice(2), 10) || 1
    switch (sequence.at(-1)) {
      case 'A':
        return this.#moveTo(Math.max(this.#row - amount, this.#lines.length - this.rows, 0), this.#column)
      case 'B':
        return this.#moveTo(Math.min(this.#row + amount, this.#lines.length - 1), this.#column)
      case 'G':
        this.#column = amount - 1
        return
      case 'K':
        this.#lines[this.#row] = sequence === '\u001b[2K' ? '' : (this.#lines[this.#row] ?? '').slice(0, this.#column)
        return
      case 'J':
        this.#lines = [...this.#lines.slice(0, this.#row), (this.#lines[this.#row] ?? '').slice(0, this.#column)]
    }
  }

  #moveTo(row: number, column: number) {
    while (this.#lines.length <= row) this.#lines.push('')
    this.#row = row
    this.#column = column
  }

  #print(character: string) {
    if (this.#column >= this.columns) this.#moveTo(this.#row + 1, 0)
    const line = (this.#lines[this.#row] ?? '').padEnd(this.#column)
    this.#lines[this.#row] = line.slice(0, this.#column) + character + line.slice(this.#column + 1)
    this.#column += 1
  }
}
