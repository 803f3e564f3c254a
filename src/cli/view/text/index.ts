/** Text on a terminal: styles, safe spans, lines, tables, frames and units. */
export { clean, cleanAscii } from './clean.ts'
export { framedLog, mostFramedLines, sourceExcerpt } from './frame.ts'
export * from './line.ts'
export { type Style, type StyledStream, type Symbols, styleOf, symbolsOf } from './style.ts'
export { type TableOptions, table } from './table.ts'
export * from './units.ts'
