/** What would become of each stack: a change set, nothing, or what cannot be said yet. */
import { GetTemplateCommand, type Stack } from '@aws-sdk/client-cloudformation'
import { type PreviewedChange, TrunklineError } from '../../model/index.ts'
import { type ChangeSet, changeSetFor, executedChangeSet, type FoundChange, isFor } from './change-set/change-set.ts'
import { digestOfChanges, previewedChange } from './change-set/previewed-changes.ts'
import { cloudformationOf, isMissing, type Parts } from './parts.ts'
import { isWell, stateOf } from './stack-state.ts'
import { parseTemplate, type Template } from './template/parse-template.ts'
import { holdsData, keeps } from './template/stateful-types.ts'
import type { WantedStack } from './wanted-stacks.ts'

export type StackPlan =
  | { kind: 'unchanged'; wanted: WantedStack; stack: Stack }
  | {
      kind: 'changes'
      wanted: WantedStack
      stack: Stack | null
      changeSet: ChangeSet
      digest: string
      changes: PreviewedChange[]
    }
  /** It imports what a stack before it exports, which is not there yet: told from its template. */
  | { kind: 'later'; wanted: WantedStack; digest: string; changes: PreviewedChange[] }

/** `stack`: at rest, or busy with what is wanted. `afterOthers`: stacks before it will be changed. */
export async function planStack(
  parts: Parts,
  wanted: WantedStack,
  stack: Stack | null,
  afterOthers: boolean,
  signal: AbortSignal,
): Promise<StackPlan> {
  if (stack !== null && isFor(wanted, stack)) {
    // What was changed past CloudFormation since does not show in its state.
    if (isWell(stack) && !wanted.revertsDrift) return { kind: 'unchanged', wanted, stack }
    const executing = stateOf(stack) === 'busy' ? await executedChangeSet(parts, stack, signal) : null
    if (executing !== null) return await withChanges(parts, wanted, stack, executing, signal)
  }
  try {
    const changeSet = await changeSetFor(parts, wanted, stack, signal)
    if (changeSet !== null) return await withChanges(parts, wanted, stack, changeSet, signal)
    if (stack === null) throw new Error(`a change set that creates ${wanted.name} is not empty`)
    return { kind: 'unchanged', wanted, stack }
  } catch (error) {
    if (!afterOthers || !(error instanceof TrunklineError) || !isForLackOfExport(error)) throw error
    return await laterPlan(parts, wanted, stack, signal)
  }
}

const isForLackOfExport = ({ message }: TrunklineError): boolean => /No export named|is not exported/i.test(message)

async function withChanges(
  parts: Parts,
  wanted: WantedStack,
  stack: Stack | null,
  changeSet: ChangeSet,
  signal: AbortSignal,
): Promise<StackPlan> {
  const before = await templateBefore(parts, stack, changeSet.changes, signal)
  const guarded = { before, after: wanted.template, stateful: wanted.stateful }
  const changes = changeSet.changes.map(({ change, path }) => previewedChange(change, path, guarded))
  const digest = digestOfChanges(wanted.content, changeSet.changes)
  return { kind: 'changes', wanted, stack, changeSet, digest, changes }
}

/** Asked only where something goes, and AWS does not say what becomes of it. */
async function templateBefore(parts: Parts, stack: Stack | null, changes: readonly FoundChange[], signal: AbortSignal) {
  const isOpen = changes.some(({ change }) => change.Action === 'Remove' && change.PolicyAction === undefined)
  return stack === null || !isOpen ? null : await currentTemplate(parts, stack.StackId ?? '', signal)
}

/** As it was processed: macros applied. null: there is none that can be read. */
export async function currentTemplate(parts: Parts, stackId: string, signal: AbortSignal): Promise<Template | null> {
  const command = new GetTemplateCommand({ StackName: stackId, TemplateStage: 'Processed' })
  try {
    const { TemplateBody: text } = await parts.aws.send(cloudformationOf(parts), command, { signal })
    return text === undefined ? null : parseTemplate(text, `the template of ${stackId}`)
  } catch (error) {
    if (isMissing(parts, error) || (error instanceof TrunklineError && error.code === 'TEMPLATE_INVALID')) return null
    throw error
  }
}

async function laterPlan(
  parts: Parts,
  wanted: WantedStack,
  stack: Stack | null,
  signal: AbortSignal,
): Promise<StackPlan> {
  const before = stateOf(stack) === 'absent' ? null : await currentTemplate(parts, stack?.StackId ?? '', signal)
  const old = before?.resources ?? new Map()
  const changes: PreviewedChange[] = []
  for (const [name, { type, node }] of wanted.template.resources) {
    const known = old.get(name)
    if (known !== undefined && JSON.stringify(known.node) === JSON.stringify(node)) continue
    const because = ['when the stacks before it are there']
    changes.push({ action: known === undefined ? 'add' : 'change', subject: `${type} ${name}`, because })
  }
  for (const [name, { type, deletionPolicy }] of old) {
    if (wanted.template.resources.has(name)) continue
    const isLost = holdsData(type, wanted.stateful) && !keeps(deletionPolicy)
    changes.push({ action: 'remove', subject: `${type} ${name}`, ...(isLost ? { stateful: true } : {}) })
  }
  return { kind: 'later', wanted, digest: `later-${wanted.content}`, changes }
}
