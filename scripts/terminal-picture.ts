/**
 * Turns what a terminal showed (text with SGR escapes on standard input, as `tmux capture-pane -p -e` prints it) into an
 * SVG on standard output: the pictures in the README.
 *
 *     tmux capture-pane -p -e -t delivery | bin/node scripts/terminal-picture.ts 'A delivery' > docs/images/delivery.svg
 */
import { readFileSync } from 'node:fs'

type Look = { colour: string; isBold: boolean; isDim: boolean }
type Run = { text: string; look: Look }

const foreground = '#d8dee9'
const background = '#1b1f27'
const colours: Record<number, string> = {
  31: '#e06c75',
  32: '#98c379',
  33: '#e5c07b',
  34: '#61afef',
  35: '#c678dd',
  36: '#56b6c2',
  90: '#7f8794',
}
const plain: Look = { colour: foreground, isBold: false, isDim: false }
const cell = { width: 8.4, height: 19, fontSize: 14 }
const margin = 18

function applyCodes(look: Look, codes: readonly number[]): Look {
  let next = look
  for (const code of codes) {
    if (code === 0) next = plain
    else if (code === 1) next = { ...next, isBold: true }
    else if (code === 2) next = { ...next, isDim: true }
    else if (code === 22) next = { ...next, isBold: false, isDim: false }
    else if (code === 39) next = { ...next, colour: foreground }
    else next = { ...next, colour: colours[code] ?? next.colour }
  }
  return next
}

/** One line as runs of one look each; the look at its end goes on to the next line. */
function runsOf(line: string, start: Look): { runs: Run[]; look: Look } {
  let look = start
  const runs: Run[] = []
  let from = 0
  for (const match of line.matchAll(/\x1b\[([\d;]*)m/g)) {
    if (match.index > from) runs.push({ text: line.slice(from, match.index), look })
    look = applyCodes(look, (match[1] || '0').split(';').map(Number))
    from = match.index + match[0].length
  }
  if (from < line.length) runs.push({ text: line.slice(from), look })
  return { runs, look }
}

const escapeXml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

function svgOf(text: string, title: string): string {
  const lines = text.replace(/\s+$/, '').split('\n')
  let look = plain
  let columns = 40
  const rows: string[] = []
  for (const [index, line] of lines.entries()) {
    const read = runsOf(line, look)
    look = read.look
    let column = 0
    for (const run of read.runs) {
      const style = `fill="${run.look.colour}"${run.look.isBold ? ' font-weight="bold"' : ''}${run.look.isDim ? ' opacity="0.6"' : ''}`
      const x = margin + column * cell.width
      if (run.text.trim() !== '') {
        rows.push(
          `<text x="${x.toFixed(1)}" y="${margin + 26 + index * cell.height}" ${style} textLength="${(run.text.length * cell.width).toFixed(1)}" xml:space="preserve">${escapeXml(run.text)}</text>`,
        )
      }
      column += run.text.length
    }
    columns = Math.max(columns, column)
  }
  const width = Math.ceil(columns * cell.width + 2 * margin)
  const height = lines.length * cell.height + 2 * margin + 18
  const lights = ['#e06c75', '#e5c07b', '#98c379'].map(
    (fill, index) => `<circle cx="${18 + index * 18}" cy="16" r="5.5" fill="${fill}"/>`,
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${cell.fontSize}">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${width}" height="${height}" rx="8" fill="${background}"/>`,
    ...lights,
    ...rows,
    '</svg>',
    '',
  ].join('\n')
}

process.stdout.write(svgOf(readFileSync(0, 'utf8'), process.argv[2] ?? 'What a terminal showed'))
