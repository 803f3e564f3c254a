/** Pure: what is approved, of all stacks of a service together, and whether it still is what would be done. */
import { isLoss, type Preview, type PreviewedChange, refusedError, type ServiceName } from '../../model/index.ts'
import type { StackPlan } from './stack-plan.ts'

/** null: nothing would change. */
export function previewOf(plans: readonly StackPlan[]): Preview | null {
  const changing = plans.filter((plan) => plan.kind !== 'unchanged')
  if (changing.length === 0) return null
  const isOne = plans.length === 1
  return {
    // By stack, so that one that is done already does not void what was said of the others.
    digest: changing.map(({ wanted, digest }) => `${wanted.name}=${digest}`).join(','),
    changes: changing.flatMap(({ wanted, changes }) =>
      isOne ? changes : changes.map((change) => ({ ...change, subject: `${wanted.name}: ${change.subject}` })),
    ),
  }
}

/**
 * Refused (`PREVIEW_MOVED`) where a stack would be changed in another way than was approved. Where nothing was previewed
 * (what feeds it was not there yet), whatever keeps all data is fine; else refused `PREVIEW_MISSING`.
 */
export function assertApproved(service: ServiceName, preview: Preview | undefined, plan: StackPlan): void {
  if (plan.kind === 'unchanged') return
  const { name, content } = plan.wanted
  if (preview === undefined) {
    assertNothingLost(service, name, plan.changes)
    return
  }
  const approved = new Map(
    preview.digest.split(',').map((entry): [string, string] => splitAt(entry, entry.indexOf('='))),
  )
  const digest = approved.get(name)
  if (digest === plan.digest) return
  if (digest === `later-${content}`) {
    const shown = new Set(preview.changes.filter(isLoss).map(({ subject }) => subject))
    assertNothingLost(
      service,
      name,
      plan.changes.filter(({ subject }) => !shown.has(`${name}: ${subject}`)),
    )
    return
  }
  throw refusedError(
    'PREVIEW_MOVED',
    `${name} would be changed in another way than was planned: ${movedOf(preview, plan)}`,
    {
      hint: 'plan anew, and approve that',
    },
  )
}

function assertNothingLost(service: ServiceName, stack: string, changes: readonly PreviewedChange[]): void {
  const lost = changes.find(isLoss)
  if (lost === undefined) return
  throw refusedError(
    'PREVIEW_MISSING',
    `${service} would ${lost.action} ${lost.subject} of ${stack}, which holds data, and nobody has seen that`,
    { hint: 'plan anew: now it can be shown, and approved' },
  )
}

/** What is not in both. */
function movedOf(preview: Preview, plan: StackPlan & { changes: PreviewedChange[] }): string {
  const { name } = plan.wanted
  const lineOf = ({ action, subject }: PreviewedChange) => `${action} ${subject}`
  const then = new Set(preview.changes.map(lineOf).map((line) => line.replace(`${name}: `, '')))
  const now = new Set(plan.changes.map(lineOf))
  const news = [...now].filter((line) => !then.has(line))
  const gone = [...then].filter((line) => !now.has(line))
  const parts = [
    ...news.map((line) => `now it would also ${line}`),
    ...gone.map((line) => `it would no longer ${line}`),
  ]
  return parts.slice(0, 4).join('; ') || 'values of properties have changed'
}

const splitAt = (text: string, at: number): [string, string] => [text.slice(0, at), text.slice(at + 1)]
