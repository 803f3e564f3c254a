/**
 * Makes foreign text safe to show: log lines, file names, commit subjects. What comes out moves no cursor, changes no
 * colour, hides nothing and stays on its line.
 */

// ECMA-48: CSI … final byte; OSC, DCS, SOS, PM and APC up to BEL or ST (or the text's end); two-character escapes.
const escapeSequences =
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]?|(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c|$)?|\u001b[ -/]*[0-~]?/g
/** Overrides of the writing direction can make a line read differently from what it says (CVE-2021-42574). */
const directionMarks = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
const controls = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g
const loneSurrogates = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g
const printableAscii = /^[ -~]*$/

/** One line of safe text. Escape sequences vanish; a control character is spelled out (`\n`, `\x07`). */
export function clean(text: string): string {
  if (printableAscii.test(text)) return text
  return text
    .replace(escapeSequences, '')
    .replace(/\t/g, '  ')
    .replace(controls, spellControl)
    .replace(directionMarks, '')
    .replace(loneSurrogates, spellSurrogate)
}

/** As `clean`, and only ASCII: familiar punctuation is respelled, the rest becomes `?`. */
export function cleanAscii(text: string): string {
  return clean(text)
    .replace(/[…→←“”„‘’–—·•×±≥≤✓✗│─]/g, (character) => respelled[character] ?? '?')
    .replace(/[^ -~]/gu, '?')
}

const respelled: Record<string, string> = {
  '…': '...',
  '→': '->',
  '±': '+-',
  '←': '<-',
  '“': '"',
  '”': '"',
  '„': '"',
  '‘': "'",
  '’': "'",
  '–': '-',
  '—': '-',
  '·': '-',
  '•': '*',
  '×': 'x',
  '≥': '>=',
  '≤': '<=',
  '✓': '+',
  '✗': 'x',
  '│': '|',
  '─': '-',
}

function spellControl(character: string): string {
  if (character === '\n') return '\\n'
  if (character === '\r') return '\\r'
  const code = character.charCodeAt(0)
  return code > 0xff ? `\\u${code.toString(16)}` : `\\x${code.toString(16).padStart(2, '0')}`
}

/** U+DC80…U+DCFF stand for bytes of a path that are not UTF-8 (see `TreeEntry`). */
function spellSurrogate(character: string): string {
  const code = character.charCodeAt(0)
  return code >= 0xdc80 && code <= 0xdcff ? `\\x${(code - 0xdc00).toString(16)}` : '\ufffd'
}
