/** How instances of a service run. */
import * as z from 'zod'
import type { Run } from '../../model/index.ts'
import { commandSchema } from './command.ts'
import { durationSchema } from './duration.ts'
import { portVariableSchema } from './name.ts'
import { mustBe, object, textWith } from './shapes.ts'

/** The path of an HTTP request. */
export const requestPathSchema = textWith('a path such as `/healthz`', (path) =>
  /^\/[\x21-\x7e]*$/.test(path)
    ? null
    : { code: 'INVALID_VALUE', message: '`{key}` must be a path such as `/healthz`, beginning with `/`' },
)

const runObject = object({
  command: commandSchema.describe("The command, run in the artifact's directory."),
  port: portVariableSchema
    .optional()
    .describe(
      'Variable in which an instance is told its port: Trunkline chooses the number. Without it the service serves nothing.',
    ),
  health: requestPathSchema
    .optional()
    .describe(
      'Path that answers 2xx once the instance can take requests. Without it an accepted connection is enough.',
    ),
  startTimeout: durationSchema.prefault('60s').describe('How long a start may take before it counts as failed.'),
  drainTimeout: durationSchema
    .prefault('30s')
    .describe('How long running requests may take when an instance is drained.'),
  stopTimeout: durationSchema.prefault('10s').describe('Time from SIGTERM to SIGKILL.'),
}).meta({ id: 'Run', title: 'Run', description: 'How instances of the service run.' })

export const runSchema = z
  .union([commandSchema.transform((command) => ({ command })).pipe(runObject), runObject], {
    error: mustBe('a command, or a mapping with `command`'),
  })
  .transform(
    (run): Run => ({
      command: run.command,
      port: run.port ?? null,
      health: run.health ?? null,
      startTimeoutMs: run.startTimeout,
      drainTimeoutMs: run.drainTimeout,
      stopTimeoutMs: run.stopTimeout,
    }),
  )
