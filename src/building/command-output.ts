import { createMasker, sanitizeTerminal } from '../masking/index.ts'
import { maxLineLength } from '../process/index.ts'

/** How many lines of a failed command's output its verdict carries. */
const tailLines = 40

/** Output of commands on its way to people: made safe for terminals, secrets masked, its end remembered. */
export type CommandOutput = {
  /** Takes a line as it came from the command. */
  line(text: string): void
  /** Says something of our own. */
  note(text: string): void
  /** The last 40 lines, masked. */
  tail(): string[]
  mask(text: string): string
}

/** `log` is given masked lines; `secrets` are values that must never appear in them. */
export function createCommandOutput(log: (line: string) => void, secrets: Iterable<string>): CommandOutput {
  const masker = createMasker(secrets)
  const tail: string[] = []
  const show = (line: string) => {
    tail.push(line)
    // Cut in pieces: shifting at every line of a million costs more than all the rest.
    if (tail.length > 10 * tailLines) tail.splice(0, tail.length - tailLines)
    log(line)
  }
  return {
    line(text) {
      // A line that long was cut, perhaps in the middle of a secret.
      const mask = text.length >= maxLineLength ? masker.maskCut : masker.mask
      show(mask(sanitizeTerminal(text)))
    },
    note: (text) => log(masker.mask(sanitizeTerminal(text))),
    tail: () => tail.slice(-tailLines),
    mask: masker.mask,
  }
}
