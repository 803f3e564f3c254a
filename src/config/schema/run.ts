/** How instances of a service run. */
import * as z from 'zod'
import type { Run } from '../../model/index.ts'
import { commandSchema } from './command.ts'
import { durationSchema } from './duration.ts'
import { portVariableSchema } from './name.ts'
import { pathSchema } from './path.ts'
import { flag, mustBe, object, textWith } from './shapes.ts'

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

const appspecObject = object(
  {
    appspec: pathSchema.describe(
      'Path of the `appspec.yml` in the artifact: its scripts deploy the service in place, as AWS CodeDeploy does.',
    ),
    ignoreStopFailures: flag(false).describe(
      'Whether a failing `ApplicationStop` of what ran before stands in the way of what comes after.',
    ),
  },
  { expected: 'a mapping such as `{ appspec: appspec.yml }`' },
)
  .meta({ id: 'AppspecRun', title: 'Run in place', description: 'Deployed in place by the scripts of its artifact.' })
  .transform((run): Run => ({ kind: 'appspec', ...run, port: null, health: null }))

const commandRun = z
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

export const runSchema = z.union([commandRun, appspecObject], {
  error: mustBe('a command, or a mapping with `command` or `appspec`'),
})
