/** Commands that run in a service's artifact: hooks around a deployment, and tasks on request. */
import { commandSchema } from './command.ts'
import { durationSchema } from './duration.ts'
import { nameSchema, titleSchema } from './name.ts'
import { flag, listOf, object } from './shapes.ts'

const hookShape = {
  name: titleSchema.describe('What people call it; once in an environment.'),
  service: nameSchema.describe('In whose artifact and environment it runs.'),
  run: commandSchema.describe("The command. It runs when its definition or its service's artifact changed."),
  timeout: durationSchema.prefault('10m').describe('When it is killed and counts as failed.'),
  idempotent: flag(false).describe('Running it again is harmless: an unknown outcome runs it again.'),
  irreversible: flag(false).describe('It cannot be undone: rolling back past it needs force.'),
}

const hookSchema = object(hookShape)
  .meta({ id: 'Hook', title: 'Hook', description: "A command in a service's own artifact and environment." })
  .transform(({ timeout, ...hook }) => ({ ...hook, timeoutMs: timeout }))

const earlyHookSchema = object({
  ...hookShape,
  deployAfter: listOf(nameSchema, 'a list of services')
    .prefault([])
    .describe('Services that are rolled out before it, with those they come after; all others wait for it.'),
})
  .meta({ id: 'EarlyHook', title: 'Hook before', description: 'A hook that services wait for.' })
  .transform(({ timeout, deployAfter, ...hook }) => ({
    ...hook,
    timeoutMs: timeout,
    // Absent rather than empty: a hook on record is the same hook.
    ...(deployAfter.length === 0 ? {} : { deployAfter }),
  }))

const hookList = listOf(hookSchema, 'a list of hooks').prefault([])

export const hooksSchema = object({
  before: listOf(earlyHookSchema, 'a list of hooks').prefault([]).describe('Before services roll out, in this order.'),
  after: hookList.describe('After services rolled out, before verification.'),
  rollback: hookList.describe('On the way back, in reverse order.'),
}).meta({ id: 'Hooks', title: 'Hooks', description: 'Commands around a deployment.' })

export const taskSchema = object({
  service: nameSchema.describe('In whose artifact and environment it runs.'),
  run: commandSchema.describe('The command.'),
  timeout: durationSchema.prefault('10m').describe('When it is killed and counts as failed.'),
})
  .meta({
    id: 'Task',
    title: 'Task',
    description: "A one-off job with a release's own artifact: `trunkline run <environment> <task>`.",
  })
  .transform(({ timeout, ...task }) => ({ ...task, timeoutMs: timeout }))
