/** Commands that run in a service's artifact: hooks around a deployment, and tasks on request. */
import { commandSchema } from './command.ts'
import { durationSchema } from './duration.ts'
import { nameSchema, titleSchema } from './name.ts'
import { flag, listOf, object } from './shapes.ts'

const hookSchema = object({
  name: titleSchema.describe('What people call it; once in an environment.'),
  service: nameSchema.describe('In whose artifact and environment it runs.'),
  run: commandSchema.describe("The command. It runs when its definition or its service's artifact changed."),
  timeout: durationSchema.prefault('10m').describe('When it is killed and counts as failed.'),
  idempotent: flag(false).describe('Running it again is harmless: an unknown outcome runs it again.'),
  irreversible: flag(false).describe('It cannot be undone: rolling back past it needs force.'),
})
  .meta({ id: 'Hook', title: 'Hook', description: "A command in a service's own artifact and environment." })
  .transform(({ timeout, ...hook }) => ({ ...hook, timeoutMs: timeout }))

const hookList = listOf(hookSchema, 'a list of hooks').prefault([])

export const hooksSchema = object({
  before: hookList.describe('Before services roll out, in this order.'),
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
