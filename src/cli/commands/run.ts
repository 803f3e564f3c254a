import { type Command, requiredArgument } from '../command.ts'
import { runDecision } from '../run-decision.ts'

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
      const output: string[] = []
      const verdict = await runTask(engine, scene, {
        environment,
        task,
        signal: invocation.signal,
        log: (line) => {
          if (output.length < 10_000) output.push(line)
          invocation.io.stderr.write(`${line}\n`)
        },
      })
      const document = {
        environment,
        task,
        outcome: verdict.ok ? 'succeeded' : 'failed',
        output,
        reasons: verdict.ok ? [] : verdict.reasons,
      }
      const lines = verdict.ok ? [`task ${task} is done in ${environment}`] : verdict.reasons.map((why) => why.message)
      return { document, lines, exitCode: verdict.ok ? 0 : 1 }
    }),
}
