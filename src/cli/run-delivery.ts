/** Runs what deploys: a view while it happens, a summary at its end, the outcome as exit code. */
import type { DeliveryResult } from '../delivery/index.ts'
import { exitCodeOf } from '../model/index.ts'
import type { CommandResult, Invocation } from './command.ts'
import { type Context, withContext } from './context.ts'

/** The document that `--json` prints is the result itself. */
export async function runDelivery<Result extends DeliveryResult>(
  invocation: Invocation,
  { title }: { title: string },
  action: (context: Context) => Promise<Result>,
): Promise<CommandResult> {
  const view = await invocation.openView(title)
  try {
    return await withContext(invocation, view.show, async (context) => {
      const result = await action(context).catch(async (error: unknown) => {
        await context.flush()
        throw error
      })
      for (const untold of await context.flush()) view.show({ kind: 'note', message: untold })
      view.end(result)
      return { exitCode: exitCodeOf(result.outcome), document: result }
    })
  } catch (error) {
    view.end(null)
    throw error
  }
}
