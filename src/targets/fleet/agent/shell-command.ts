/** How a declared command becomes a process: through `/bin/sh`, which gets out of the way where it can. */

/** First words that only mean something to a shell: `exec` cannot run them. */
const shellWords = new Set(
  '! . : alias bg break case cd command continue eval exec exit export fg for getopts hash if jobs read readonly return set shift source test times trap type ulimit umask unalias unset until wait while [ {'.split(
    ' ',
  ),
)

/**
 * A single program is started with `exec`, so that the instance's process is the program itself and signals reach it
 * first-hand. Anything more (`a && b`, `X=1 a`, pipes) stays with the shell.
 */
export function withExec(command: string): string {
  const trimmed = command.trim()
  const [program = ''] = trimmed.split(/\s/, 1)
  const isOneProgram = /^[\w./@%+-]+$/.test(program) && !shellWords.has(program) && !/[;&|<>(){}`\n]/.test(trimmed)
  return isOneProgram ? `exec ${trimmed}` : trimmed
}
