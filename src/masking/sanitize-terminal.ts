/**
 * Escape sequences as ECMA-48 and xterm define them. Each alternative is bounded by the next escape, so that matching
 * stays linear: control strings (OSC, DCS, SOS, PM, APC) with their end, CSI sequences, other escapes.
 */
const escapeSequence =
  /(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u0090-\u009f\n\r]*(?:\u0007|\u001b\\|\u009c)|(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|\u001b[ -/]*[0-~]/g

/** Every control character but tab and newline; and the marks that reorder text (bidirectional overrides, isolates). */
const controlCharacter =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g

/** Most lines of most logs: nothing to do. */
const plainText = /^[ -~\t\n]*$/

/**
 * Foreign output made safe to show: no escape sequence (colours, cursor moves, titles, links, clipboard), no control
 * character but tab and newline, no reordering of text, no lone surrogate. What is left reads as it was written.
 */
export function sanitizeTerminal(text: string): string {
  if (plainText.test(text)) return text
  return text.replace(escapeSequence, '').replace(/\r\n?/g, '\n').replace(controlCharacter, '').toWellFormed()
}
