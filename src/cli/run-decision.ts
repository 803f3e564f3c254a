/** Runs what a person decides or asks of the environments: a moment's work on the ledger, a page as answer. */
import type { Engine, Scene } from '../delivery/index.ts'
import type { CommandResult, Invocation } from './command.ts'
import { type Context, nobodyWatches, withContext } from './context.ts'

export type DecisionPlace = { engine: Engine; scene: Scene; context: Context }

/** Without a document `--json` prints nothing more: the command has printed it line by line. */
export type Answer = { document?: unknown; lines: readonly string[]; exitCode?: number }

export function runDecision(
  invocation: Invocation,
  action: (place: DecisionPlace) => Promise<Answer>,
): Promise<CommandResult> {
  return withContext(invocation, nobodyWatches, async (context) => {
    const { engine, scene } = await context.onTrunk()
    const { document, lines, exitCode } = await action({ engine, scene, context })
    const untold = await context.flush()
    return { exitCode: exitCode ?? 0, document, lines: [...lines, ...untold] }
  })
}
