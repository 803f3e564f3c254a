import { type Command, requiredArgument } from '../command.ts'
import { runDecision } from '../run-decision.ts'

/** Of a task's output that `--json` prints. */
const mostLines = 10_000
const mostCharacters = 16 * 1024 * 1024

export const run: Command = {
  name: 'run',
  summary: "Run a one-off task with a release's own artifact, in its environment",
  arguments: [
    { name: 'env', summary: 'the environment', completes: 'environment' },
    { name: 'task', summary: 'a task of trunkline.yaml', completes: 'task' },
  ],
  run: (invocation) =>
    runDecision(invocation, async ({ engine, scene }) => {
      const environment = requiredArgument(invocation, 0)
      const task = requiredArgument(invocation, 1)
      const { runTask } = await import('../../delivery/index.ts')
      const { disarm } = await import('../view/progress/ci.ts')
      const output: string[] = []
      let kept = 0
      const verdict = await runTask(engine, scene, {
        environment,
        task,
        signal: invocation.signal,
        log: (line) => {
          kept += line.length
          if (output.length < mostLines && kept < mostCharacters) output.push(line)
          invocation.io.stderr.write(`${disarm(line)}\n`)
        },
      })
      const document = {
        environment,
        task,
        outcome: verdict.ok ? 'succeeded' : 'failed',
        output,
        reasons: verdict.ok ? [] : verdict.reasons,
      }
      const lines = verdict.ok
        ? [`task ${task} is done in ${environment}`]
        : verdict.reasons.map((why) => disarm(why.message))
      return { document, lines, exitCode: verdict.ok ? 0 : 1 }
    }),
}
