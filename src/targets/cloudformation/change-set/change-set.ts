/**
 * Change sets of one stack: made once for what is wanted and what there is, found again by their names, and taken away
 * when they count no more.
 */
import {
  type Change,
  type ChangeSetSummary,
  CreateChangeSetCommand,
  DeleteChangeSetCommand,
  DeleteStackCommand,
  DescribeChangeSetCommand,
  type DescribeChangeSetOutput,
  ListChangeSetsCommand,
  paginateListChangeSets,
  type ResourceChange,
  type Stack,
} from '@aws-sdk/client-cloudformation'
import { sha256 } from '../../../hashing/index.ts'
import { failedError, TrunklineError } from '../../../model/index.ts'
import { uploadByContent } from '../bucket.ts'
import { cloudformationOf, isMissing, type Parts } from '../parts.ts'
import { markOf, stateOf } from '../stack-state.ts'
import { roleOf, type WantedStack } from '../wanted-stacks.ts'

export type FoundChange = { change: ResourceChange; path: readonly string[] }

export type ChangeSet = {
  /** ARN. */
  id: string
  name: string
  stackId: string
  changes: FoundChange[]
  /** It is being executed, or was. */
  isExecuting: boolean
}

/** So long may making one take. */
const makingTimeoutMs = 10 * 60_000
/** What fits into a request. */
const maxBodyBytes = 51_200
const maxPages = 100
const maxDepth = 8

const nameStart = 'trunkline-'

/** The same for the same wish, whatever it meets. */
const wishOf = ({ content }: WantedStack): string => `${nameStart}${content}`

/** Of this wish, on what there is now. */
const nameFor = (wanted: WantedStack, stack: Stack | null): string =>
  `${wishOf(wanted)}-${stateOf(stack) === 'absent' || stack === null ? 'new' : sha256(`${markOf(stack)} ${stack.ChangeSetId ?? ''}`).slice(0, 16)}`

/** Whether the last change set that was executed on a stack is of this wish. */
export const isFor = (wanted: WantedStack, stack: Stack): boolean =>
  (stack.ChangeSetId?.split('/').at(-2) ?? '').startsWith(`${wishOf(wanted)}-`)

/**
 * The change set for what is wanted on what there is; null where nothing would change. Fails (`CHANGE_SET_FAILED`) where
 * CloudFormation cannot make one of the template. The stack must be `absent` or `ready`.
 */
export async function changeSetFor(
  parts: Parts,
  wanted: WantedStack,
  stack: Stack | null,
  signal: AbortSignal,
): Promise<ChangeSet | null> {
  const name = nameFor(wanted, stack)
  const known = await describe(parts, name, wanted.name, signal)
  if (known !== null && isUsable(known)) return await readChangeSet(parts, known, signal)
  if (known !== null) await deleteChangeSet(parts, known.ChangeSetId ?? name, wanted.name, signal)
  const id = await create(parts, wanted, name, stateOf(stack) === 'absent', signal)
  const made = await awaitMade(parts, id, wanted.name, signal)
  await clearOthers(parts, wanted.name, made.ChangeSetId ?? id, signal)
  if (made.Status === 'FAILED') {
    await deleteChangeSet(parts, id, wanted.name, signal)
    if (isEmpty(made)) return null
    if (stack === null) await deleteReviewed(parts, wanted.name, signal)
    throw failedError(
      'CHANGE_SET_FAILED',
      `CloudFormation cannot make a change set for ${wanted.name}: ${made.StatusReason ?? 'it gives no reason'}`,
    )
  }
  return await readChangeSet(parts, made, signal)
}

/** The one that is being executed, or was executed last. */
export async function executedChangeSet(parts: Parts, stack: Stack, signal: AbortSignal): Promise<ChangeSet | null> {
  const id = stack.ChangeSetId
  if (id === undefined) return null
  const known = await describe(parts, id, stack.StackId ?? '', signal)
  return known === null ? null : await readChangeSet(parts, known, signal)
}

/** All of ours on a stack. */
export async function deleteChangeSets(parts: Parts, stack: string, signal: AbortSignal): Promise<void> {
  await clearOthers(parts, stack, null, signal)
}

const isUsable = ({ Status, ExecutionStatus }: DescribeChangeSetOutput): boolean =>
  (Status === 'CREATE_COMPLETE' && ExecutionStatus === 'AVAILABLE') ||
  ExecutionStatus === 'EXECUTE_IN_PROGRESS' ||
  ((Status === 'CREATE_PENDING' || Status === 'CREATE_IN_PROGRESS') && ExecutionStatus === 'UNAVAILABLE')

/** The two ways in which CloudFormation says it. */
const isEmpty = ({ StatusReason }: DescribeChangeSetOutput): boolean =>
  /didn't contain changes|No updates are to be performed/i.test(StatusReason ?? '')

async function create(
  parts: Parts,
  wanted: WantedStack,
  name: string,
  isNew: boolean,
  signal: AbortSignal,
): Promise<string> {
  const { aws } = parts
  const role = roleOf(parts)
  const hasNested = [...wanted.template.resources.values()].some(({ type }) => type === 'AWS::CloudFormation::Stack')
  const command = new CreateChangeSetCommand({
    StackName: wanted.name,
    ChangeSetName: name,
    ChangeSetType: isNew ? 'CREATE' : 'UPDATE',
    ClientToken: name,
    Description: `Trunkline: ${parts.project}/${parts.environment}`,
    ...(await templateOf(parts, wanted, signal)),
    Parameters: wanted.parameters.map(({ name: ParameterKey, value: ParameterValue }) => ({
      ParameterKey,
      ParameterValue,
    })),
    Tags: Object.entries(wanted.tags).map(([Key, Value]) => ({ Key, Value })),
    Capabilities: wanted.capabilities as NonNullable<Stack['Capabilities']>, // Checked by the configuration.
    ...(role === null ? {} : { RoleARN: role }),
    ...(hasNested ? { IncludeNestedStacks: true } : {}),
    ...(wanted.importsExisting ? { ImportExistingResources: true } : {}),
    ...(wanted.revertsDrift && !isNew ? { DeploymentMode: 'REVERT_DRIFT' as const } : {}),
  })
  try {
    const { Id = name } = await aws.send(cloudformationOf(parts), command, { signal, writes: true })
    return Id
  } catch (error) {
    // The answer to an earlier try was lost.
    if (aws.isError(error, 'AlreadyExistsException')) return name
    throw explained(parts, error, wanted)
  }
}

/** What AWS says of the template itself is a verdict on it. */
function explained({ aws }: Parts, error: unknown, { name, template }: WantedStack): unknown {
  const said = error instanceof TrunklineError && error.cause instanceof Error ? error.cause.message : ''
  if (aws.isError(error, 'InsufficientCapabilitiesException')) {
    return failedError('CAPABILITY_MISSING', `${template.file} makes what must be allowed by name: ${said}`, {
      hint: 'for example `capabilities: [CAPABILITY_NAMED_IAM]`; with a macro such as SAM also CAPABILITY_AUTO_EXPAND',
      cause: error,
    })
  }
  if (!aws.isError(error, 'ValidationError')) return error
  return failedError('TEMPLATE_REFUSED', `CloudFormation refuses ${template.file} for ${name}: ${said}`, {
    cause: error,
  })
}

async function templateOf(parts: Parts, { template: { text, file } }: WantedStack, signal: AbortSignal) {
  const bytes = Buffer.from(text)
  if (bytes.length <= maxBodyBytes) return { TemplateBody: text }
  const uploaded = await uploadByContent(
    parts,
    { bytes, suffix: '.template' },
    `${file} (${bytes.length} bytes)`,
    signal,
  )
  return { TemplateURL: uploaded.url }
}

async function awaitMade(parts: Parts, id: string, name: string, signal: AbortSignal) {
  return await parts.aws.waitFor({
    what: `the change set of ${name} to be made`,
    timeoutMs: makingTimeoutMs,
    intervalMs: parts.lookEveryMs,
    signal,
    async look() {
      const made = await describe(parts, id, name, signal)
      return made === null || /_(?:PENDING|IN_PROGRESS)$/.test(made.Status ?? '') ? null : made
    },
  })
}

async function describe(parts: Parts, name: string, stack: string, signal: AbortSignal, token?: string) {
  const { aws } = parts
  // By its ARN alone a change set is found, too.
  const ask = { ChangeSetName: name, IncludePropertyValues: true, ...(stack === '' ? {} : { StackName: stack }) }
  try {
    return await aws.send(
      cloudformationOf(parts),
      new DescribeChangeSetCommand({ ...ask, ...(token === undefined ? {} : { NextToken: token }) }),
      { signal },
    )
  } catch (error) {
    if (aws.isError(error, 'ChangeSetNotFound') || aws.isError(error, 'ChangeSetNotFoundException')) return null
    if (isMissing(parts, error)) return null
    throw error
  }
}

async function readChangeSet(parts: Parts, first: DescribeChangeSetOutput, signal: AbortSignal): Promise<ChangeSet> {
  const isMade = !/_(?:PENDING|IN_PROGRESS)$/.test(first.Status ?? '')
  const id = first.ChangeSetId ?? ''
  const described = isMade ? first : await awaitMade(parts, id, first.StackName ?? '', signal)
  return {
    id,
    name: first.ChangeSetName ?? '',
    stackId: first.StackId ?? '',
    changes: await changesOf(parts, described, [], signal),
    isExecuting: described.ExecutionStatus?.startsWith('EXECUTE_') === true,
  }
}

async function changesOf(
  parts: Parts,
  first: DescribeChangeSetOutput,
  path: readonly string[],
  signal: AbortSignal,
): Promise<FoundChange[]> {
  const all: Change[] = [...(first.Changes ?? [])]
  let token = first.NextToken
  for (let page = 0; token !== undefined && page < maxPages; page += 1) {
    const next = await describe(parts, first.ChangeSetId ?? '', first.StackId ?? '', signal, token)
    all.push(...(next?.Changes ?? []))
    token = next?.NextToken
  }
  const found = all.flatMap(({ ResourceChange: change }) => (change === undefined ? [] : [{ change, path }]))
  const nested = await Promise.all(found.map(({ change }) => nestedChanges(parts, change, path, signal)))
  return [...found, ...nested.flat()]
}

/** What a nested stack's own change set says. */
async function nestedChanges(
  parts: Parts,
  { ChangeSetId: id, LogicalResourceId: name = '', PhysicalResourceId: stack = '' }: ResourceChange,
  path: readonly string[],
  signal: AbortSignal,
): Promise<FoundChange[]> {
  if (id === undefined || path.length >= maxDepth) return []
  const nested = await describe(parts, id, stack, signal)
  return nested === null ? [] : await changesOf(parts, nested, [...path, name], signal)
}

async function deleteChangeSet(parts: Parts, id: string, stack: string, signal: AbortSignal): Promise<void> {
  const { aws } = parts
  try {
    const command = new DeleteChangeSetCommand({ ChangeSetName: id, StackName: stack })
    await aws.send(cloudformationOf(parts), command, { signal, writes: true })
  } catch (error) {
    // It is being executed, or gone.
    if (aws.isError(error, 'InvalidChangeSetStatus') || aws.isError(error, 'InvalidChangeSetStatusException')) return
    if (!isMissing(parts, error)) throw error
  }
}

/** A stack that a change set of ours began, and that nobody else looks at. */
async function deleteReviewed(parts: Parts, name: string, signal: AbortSignal): Promise<void> {
  const { aws } = parts
  const client = cloudformationOf(parts)
  const { Summaries = [] } = await aws.send(client, new ListChangeSetsCommand({ StackName: name }), { signal })
  if (Summaries.length > 0) return
  await aws.send(client, new DeleteStackCommand({ StackName: name }), { signal, writes: true })
}

/** Change sets of ours that were not carried out. */
async function clearOthers(parts: Parts, stack: string, kept: string | null, signal: AbortSignal): Promise<void> {
  const { aws } = parts
  const others: ChangeSetSummary[] = []
  try {
    const pages = aws.pages(paginateListChangeSets, cloudformationOf(parts), { StackName: stack }, { signal })
    for await (const { Summaries = [] } of pages) others.push(...Summaries)
  } catch (error) {
    if (isMissing(parts, error)) return
    throw error
  }
  for (const { ChangeSetId: id, ChangeSetName: name = '', ExecutionStatus: status } of others) {
    if (!name.startsWith(nameStart) || id === undefined || id === kept || status?.startsWith('EXECUTE_')) continue
    await deleteChangeSet(parts, id, stack, signal)
  }
}
