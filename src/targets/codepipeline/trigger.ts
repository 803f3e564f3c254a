/** What started an execution, and who. */
import { sayPerson } from './actions.ts'
import type { Execution } from './executions.ts'

const words: Readonly<Record<string, string>> = {
  AutomatedRollback: 'the pipeline itself, which rolls a stage back',
  CloudWatchEvent: 'an event of EventBridge',
  CreatePipeline: 'the making of the pipeline',
  PollForSourceChanges: 'a change at its source',
  PutActionRevision: 'a change at its source',
  Webhook: 'a change at its source',
  WebhookV2: 'a change at its source',
}

/** `release/ada`, `a change at its source` */
export function starterOf({ trigger }: Pick<Execution, 'trigger'>): string {
  const { triggerType = '', triggerDetail } = trigger ?? {}
  return words[triggerType] ?? sayPerson(triggerDetail)
}
