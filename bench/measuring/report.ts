/** What a benchmark answers: a table for people, one JSON document with `--json`. */

import { writeFileSync } from 'node:fs'
import type { Measured, Report } from './measure.ts'
import type { Program } from './programs.ts'

export const wantsJson = process.argv.includes('--json')

/** Programs that are there; the others are named in `skipped`. */
export function present(
  programs: readonly Program[],
  skipped: Report['skipped'],
): Array<Program & { argv: readonly [string, ...string[]] }> {
  return programs.flatMap((program) => {
    if ('argv' in program) return [program]
    skipped.push({ name: program.name, why: program.missing })
    return []
  })
}

/** Where `npm run bench` wants each report, besides what is printed. */
export const reportFileVariable = 'BENCH_REPORT_FILE'

/** Prints a report; times stand beside how many times the first row's they are. */
export function printReport(report: Report): void {
  const file = process.env[reportFileVariable]
  if (file !== undefined) writeFileSync(file, JSON.stringify(report))
  if (wantsJson) {
    console.log(JSON.stringify(report))
    return
  }
  console.log(report.about)
  const [first] = report.rows
  const width = Math.max(...report.rows.map((row) => row.name.length))
  for (const row of report.rows) console.log(lineOf(row, first, width))
  for (const { name, why } of report.skipped) console.log(`${name.padEnd(width)}  skipped: ${why}`)
  for (const note of report.notes) console.log(note)
}

function lineOf(row: Measured, first: Measured | undefined, width: number): string {
  const ratio = first === undefined ? '' : `${(row.minMs / first.minMs).toFixed(2)}x`.padStart(9)
  const memory = row.peakMb === undefined ? '' : `  peak ${row.peakMb} MB, with children ${row.treePeakMb} MB`
  return `${row.name.padEnd(width)} ${ms(row.minMs)} min ${ms(row.medianMs)} median${ratio}${memory}`
}

const ms = (value: number): string => `${value.toFixed(1)} ms`.padStart(12)
