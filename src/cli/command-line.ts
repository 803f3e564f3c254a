/** From words to a command and back to an exit code. Commands are data (`command.ts`); `parser.ts` knows the words. */
import { CommanderError } from 'commander'
import { cancelledError, TrunklineError, usageError } from '../model/index.ts'
import type { CommandResult, Io } from './command.ts'
import { write } from './output.ts'
import { buildParser, commandNamed } from './parser.ts'
import { disarmJson, disarmPainted } from './view/progress/ci.ts'
import { styleOf } from './view/text/style.ts'

/** Runs one command line. Standard output gets the answer, standard error everything else. Never throws. */
export async function runCommandLine(argv: readonly string[], io: Io, interrupt: AbortSignal): Promise<number> {
  const json = argv.includes('--json')
  let result: CommandResult = { exitCode: 0 }
  try {
    const done = (ended: CommandResult) => {
      result = ended
    }
    const parser = await buildParser({ argv, io, interrupt, done })
    await parser.parseAsync([...argv], { from: 'user' })
  } catch (error) {
    // Commander ends `--help` and `--version` this way, too.
    if (error instanceof CommanderError && error.exitCode === 0) return 0
    return await answerError(asShown(error, argv, interrupt), io, json)
  }
  await answer(result, io, json)
  return result.exitCode
}

async function answer({ document, lines = [] }: CommandResult, io: Io, json: boolean): Promise<void> {
  if (json && document !== undefined) await write(io.stdout, `${disarmJson(JSON.stringify(document, null, 2))}\n`)
  if (!json && lines.length > 0) await write(io.stdout, `${lines.map(disarmPainted).join('\n')}\n`)
}

/** What a person sees of what was thrown. */
function asShown(thrown: unknown, argv: readonly string[], interrupt: AbortSignal): unknown {
  if (thrown instanceof CommanderError) return mistakeInWords(thrown, argv)
  const isVerdict = thrown instanceof TrunklineError && thrown.kind !== 'cancelled'
  if (!interrupt.aborted || isVerdict) return thrown
  return cancelledError('cancelled: what had begun is settled, and nothing is lost')
}

/** `error: unknown command 'delvier'\n(Did you mean deliver?)`, in our own form. */
function mistakeInWords({ message }: CommanderError, argv: readonly string[]): TrunklineError {
  const [first = '', ...rest] = message.replace(/^error: /, '').split('\n')
  const meant = /\(Did you mean (.+)\?\)/.exec(rest.join(' '))?.[1]
  const named = commandNamed(argv)
  const hint =
    meant === undefined ? `see: trunkline ${named === null ? '' : `${named} `}--help` : `did you mean ${meant}?`
  return usageError('USAGE', first.replace(/\.$/, ''), { hint })
}

const exitCodes = { failed: 1, usage: 2, refused: 3, errored: 4, cancelled: 130 } as const
/** A mistake of ours is no verdict on anybody's commit. */
const bugExitCode = 4

/** The one place that turns errors into exit codes. */
async function answerError(error: unknown, io: Io, json: boolean): Promise<number> {
  if (json) await write(io.stdout, `${disarmJson(JSON.stringify({ error: errorDocument(error) }, null, 2))}\n`)
  else await write(io.stderr, `${(await errorPage(error, io)).map(disarmPainted).join('\n')}\n`)
  return error instanceof TrunklineError ? exitCodes[error.kind] : bugExitCode
}

async function errorPage(error: unknown, io: Io): Promise<string[]> {
  const [{ renderError }, { formatProblems }] = await Promise.all([
    import('./view/index.ts'),
    import('../config/format-problems.ts'),
  ])
  const style = styleOf(io.stderr, io.environment)
  return renderError(error, style, {
    formatProblems: (problems) =>
      formatProblems([...problems], {
        color: style.colour,
        ...(Number.isFinite(style.width) ? { width: style.width } : {}),
      }),
  })
}

function errorDocument(error: unknown) {
  if (!(error instanceof TrunklineError)) {
    const message = error instanceof Error ? error.message : String(error)
    return { code: 'BUG', message, hint: 'this is a mistake in Trunkline itself: please report it' }
  }
  const { code, message, hint, location, problems } = error
  return {
    code,
    message,
    hint: hint ?? null,
    ...(location === undefined ? {} : { location }),
    ...(problems.length === 0 ? {} : { problems }),
  }
}
