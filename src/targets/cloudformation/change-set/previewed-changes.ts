/** Pure: what a change set would do, in the words of a preview. */
import type { ResourceChange, ResourceChangeDetail } from '@aws-sdk/client-cloudformation'
import { canonicalJson, sha256 } from '../../../hashing/index.ts'
import type { PreviewedChange } from '../../../model/index.ts'
import type { Template } from '../template/parse-template.ts'
import { holdsData, keeps } from '../template/stateful-types.ts'

export type Guarded = {
  /** What runs now; null: nothing does. */
  before: Template | null
  after: Template
  /** Types that hold data by the project's word. */
  stateful: readonly string[]
}

/** `path`: names of the nested stacks that lead there. */
export function previewedChange(change: ResourceChange, path: readonly string[], guarded: Guarded): PreviewedChange {
  const { ResourceType: type = '', LogicalResourceId: name = '' } = change
  const action = actionOf(change)
  const isLost = losesData(change, action, path, guarded)
  const leavesData = isLost && action === 'replace' && isOldKept(change, action, path, guarded)
  const because = [
    ...(change.Replacement === 'Conditional' ? ['may be replaced'] : []),
    ...(leavesData ? ['its data stays behind, in what is kept of the old one'] : []),
    ...reasonsOf(change),
  ]
  return {
    action,
    subject: `${type} ${[...path, name].join('/')}`,
    ...(because.length > 0 ? { because } : {}),
    ...(isLost ? { stateful: true } : {}),
  }
}

function actionOf({ Action: action, Replacement: replacement }: ResourceChange): PreviewedChange['action'] {
  switch (action) {
    case 'Add':
      return 'add'
    case 'Remove':
      return 'remove'
    case 'Import':
      return 'import'
    default:
      return replacement === 'True' || replacement === 'Conditional' ? 'replace' : 'change'
  }
}

/** A new resource is empty, whatever is kept of the old one; of what is removed only what nothing keeps is lost. */
function losesData(change: ResourceChange, action: string, path: readonly string[], guarded: Guarded): boolean {
  if (!holdsData(change.ResourceType ?? '', guarded.stateful)) return false
  return action === 'replace' || (action === 'remove' && !isOldKept(change, action, path, guarded))
}

/** AWS says what becomes of the old resource where it can; else the templates say. */
function isOldKept(change: ResourceChange, action: string, path: readonly string[], guarded: Guarded): boolean {
  const { LogicalResourceId: name = '', PolicyAction: policy } = change
  if (policy !== undefined) return /Retain|Snapshot/.test(policy)
  // Templates of nested stacks are not at hand.
  if (path.length > 0) return false
  if (action === 'remove') return keeps(guarded.before?.resources.get(name)?.deletionPolicy ?? null)
  return keeps(guarded.after.resources.get(name)?.replacePolicy ?? null)
}

const maxValueLength = 60
const maxReasons = 12

function reasonsOf({ Details: details = [] }: ResourceChange): string[] {
  const reasons = [...new Set(details.map(reasonOf).filter((text) => text !== ''))].sort()
  if (reasons.length <= maxReasons) return reasons
  return [...reasons.slice(0, maxReasons), `and ${reasons.length - maxReasons} more`]
}

/** `InstanceType: t3.small → t3.large (replaces it)` */
function reasonOf({ Target: target, CausingEntity: cause }: ResourceChangeDetail): string {
  if (target === undefined) return ''
  const {
    Attribute: attribute,
    Name: name,
    RequiresRecreation: recreation,
    BeforeValue: before,
    AfterValue: after,
  } = target
  const what = attribute === 'Properties' ? (name ?? '') : (attribute ?? '')
  if (what === '') return ''
  const values = before !== undefined && after !== undefined ? `: ${shortened(before)} → ${shortened(after)}` : ''
  const notes = [
    ...(cause === undefined || cause === name ? [] : [`by ${cause}`]),
    ...(recreation === 'Always' ? ['replaces it'] : recreation === 'Conditionally' ? ['may replace it'] : []),
  ]
  return `${what}${values}${notes.length > 0 ? ` (${notes.join(', ')})` : ''}`
}

const shortened = (value: string): string =>
  value.length > maxValueLength ? `${value.slice(0, maxValueLength)}…` : value

/** Equal where the same would be done: what AWS says, without what varies by change set. */
export function digestOfChanges(
  content: string,
  changes: ReadonlyArray<{ change: ResourceChange; path: readonly string[] }>,
) {
  const said = changes.map(({ change, path }) => {
    const { ChangeSetId: _id, Details: details = [], Scope: scope = [], ...rest } = change
    return canonicalJson({
      ...rest,
      path,
      details: details.map((one) => canonicalJson(one)).sort(),
      scope: [...scope].sort(),
    })
  })
  return sha256(canonicalJson({ content, changes: said.sort() })).slice(0, 40)
}
