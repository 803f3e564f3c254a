/** One execution watched to its end: what its actions do is told, what it waits for too, and one that takes too long is stopped. */
import type { PipelineExecution } from '@aws-sdk/client-codepipeline'
import { erroredError, type Reason, reason, TrunklineError } from '../../model/index.ts'
import type { TargetContext } from '../../ports/index.ts'
import { type Action, firstFailure, nameOf, readActions, sayAction } from './actions.ts'
import { passApproval } from './approve.ts'
import { type Executions, stopExecution } from './executions.ts'
import { messageOf, type Parts, sayExecution } from './parts.ts'
import { mayPass, type Pipeline } from './pipeline.ts'
import { type Wait, waitsOf } from './waits.ts'

export type Watched = {
  id: string
  execution: PipelineExecution
  actions: Action[]
  /** Why it was stopped here. `people`: nobody said the word that it waited for. */
  cut: { by: 'time' | 'people'; why: Reason } | null
}

export type ToWatch = {
  pipeline: Pipeline
  executions: Executions
  id: string
  /** Said with approvals that are passed; null: none is, since this execution is not ours. */
  summary: string | null
}

type Watching = Pick<TargetContext, 'signal' | 'log' | 'note' | 'report'>

const stopTimeoutMs = 30_000
/** CodePipeline may not know at once what it has just started. */
const unknownMs = 60_000
/** A stage that tries again by itself begins that in a moment. */
const ownRetryMs = 60_000

/** Who is cancelled, stops it; who has lost the lease leaves it to whoever has it now. */
export async function watchExecution(parts: Parts, toWatch: ToWatch, context: Watching): Promise<Watched> {
  const { aws, config, lookEveryMs } = parts
  const { signal } = context
  const { look, stop } = openWatch(parts, toWatch, context)
  try {
    // Both bounds, once more for what is stopped, and the looks between.
    const timeoutMs = 2 * (config.timeoutMs + config.waitForPeopleMs) + 20 * lookEveryMs
    const what = `${sayExecution(toWatch.id)} to end`
    return await aws.waitFor({ what, look, timeoutMs, intervalMs: lookEveryMs, signal, log: context.log })
  } catch (error) {
    if (signal.aborted && !isOusted(signal.reason)) await stopAsAsked(toWatch, stop, context)
    throw error
  }
}

function openWatch(parts: Parts, { pipeline, executions, id, summary }: ToWatch, context: Watching) {
  const { clock, config } = parts
  const { signal, log, report } = context
  const told = new Set<string>()
  const tellOnce = (line: string, { isForPeople = false, ofRun = '' } = {}): void => {
    if (told.has(`${ofRun} ${line}`)) return
    told.add(`${ofRun} ${line}`)
    log(line)
    if (isForPeople) context.note?.(line)
  }
  const begunMs = clock.monotonicMs()
  let lastMs = begunMs
  let workedMs = 0
  let waitedMs = 0
  let cut: Watched['cut'] = null
  let actions: Action[] = []
  let failedMs: number | null = null

  /** Nothing that works is left half-done: only a question that nobody answers is dropped. */
  const stop = (why: string, stopSignal: AbortSignal): Promise<boolean> => {
    const open = actions.filter(({ status }) => status === 'InProgress')
    const isQuestion = open.length > 0 && open.every(({ category }) => category === 'Approval')
    return stopExecution(parts, { pipelineName: pipeline.name, id, why, abandon: isQuestion }, stopSignal)
  }

  async function look(): Promise<Watched | null> {
    // The status first: once it has ended, actions have said all.
    const execution = await executions.read(id, signal)
    if (execution === null) return notYetKnown(id, clock.monotonicMs() - begunMs)
    actions = await readActions(parts, { pipelineName: pipeline.name, id }, signal)
    for (const action of actions) tellOnce(sayAction(action), { ofRun: action.id })
    reportStages(pipeline, actions, report)
    if (execution.status === 'Failed' && mayTryAgain()) return null
    if (execution.status !== 'InProgress' && execution.status !== 'Stopping') return { id, execution, actions, cut }
    const waits = execution.status === 'InProgress' ? await waitsOf(parts, pipeline, { id, actions }, signal) : []
    const isWaiting = await attend(waits)
    const now = clock.monotonicMs()
    if (isWaiting) waitedMs += now - lastMs
    else [workedMs, waitedMs] = [workedMs + now - lastMs, 0]
    lastMs = now
    const over = whatIsOver(waits)
    if (over === null) return null
    if (cut !== null) throw notStopped(id)
    log(`${over.why.message}: it is stopped`)
    await stop(over.why.message, signal)
    ;[cut, workedMs, waitedMs] = [over, 0, 0]
    return null
  }

  /** The failed stage has not had its second try, and may yet begin it. */
  function mayTryAgain(): boolean {
    const failure = firstFailure(actions)
    const stage = pipeline.stages.find(({ name }) => name === failure?.stage)
    if (failure === null || stage?.retries !== true) return false
    const runs = actions.filter((action) => nameOf(action) === nameOf(failure)).length
    failedMs ??= clock.monotonicMs()
    return runs === 1 && clock.monotonicMs() - failedMs < ownRetryMs
  }

  /** Whether people alone can help it on. */
  async function attend(waits: readonly Wait[]): Promise<boolean> {
    let isWaiting = false
    for (const wait of waits) {
      if (summary !== null && wait.kind === 'approval' && mayPass(parts, wait.stage, wait.action)) {
        await passApproval(parts, pipeline.name, wait, summary, context)
        continue
      }
      const isForPeople = wait.kind !== 'turn'
      const where = wait.kind === 'approval' ? whereToGive(parts, pipeline) : ''
      tellOnce(`${sayExecution(id)} ${wait.message}${where}`, { isForPeople })
      isWaiting ||= isForPeople
    }
    return isWaiting && actions.every(({ status, category }) => status !== 'InProgress' || category === 'Approval')
  }

  function whatIsOver(waits: readonly Wait[]): Watched['cut'] {
    if (waitedMs >= config.waitForPeopleMs) {
      const what = waits.map(({ message }) => message).join('; ')
      return { by: 'people', why: reason('nobody-answers', `${sayExecution(id)} ${what}, longer than it may`) }
    }
    if (workedMs < config.timeoutMs) return null
    const busy = actions.filter(({ status }) => status === 'InProgress')
    const stands = [...busy.map((action) => `${nameOf(action)} is in progress`), ...waits.map(({ message }) => message)]
    const where = stands.length > 0 ? stands.join('; ') : 'no action has begun'
    return { by: 'time', why: reason('execution-timed-out', `${sayExecution(id)} takes longer than it may: ${where}`) }
  }

  return { look, stop }
}

const whereToGive = ({ aws }: Parts, { name }: Pipeline): string =>
  ` by a person: https://${aws.region}.console.aws.amazon.com/codesuite/codepipeline/pipelines/${name}/view`

/** Stages stand for instances: how many of those there are, a pipeline does not say. */
function reportStages({ stages }: Pipeline, actions: readonly Action[], report: Watching['report']): void {
  const isThrough = (stage: Pipeline['stages'][number]) =>
    stage.actions.every(({ name }) =>
      actions.some((action) => action.stage === stage.name && action.name === name && action.status === 'Succeeded'),
    )
  const ready = stages.filter(isThrough).length
  report({ ready, desired: stages.length, old: stages.length - ready })
}

function notYetKnown(id: string, passedMs: number): null {
  if (passedMs < unknownMs) return null
  throw erroredError('EXECUTION_GONE', `CodePipeline knows no ${sayExecution(id)} any more`)
}

type Stop = (why: string, signal: AbortSignal) => Promise<boolean>

async function stopAsAsked({ id }: ToWatch, stop: Stop, { log }: Watching): Promise<void> {
  try {
    const isStopped = await stop('the delivery was cancelled', AbortSignal.timeout(stopTimeoutMs))
    if (isStopped) log(`${sayExecution(id)} is stopped: what is running in it ends, nothing after that begins`)
  } catch (error) {
    log(`${sayExecution(id)} could not be stopped: ${messageOf(error)}`)
  }
}

const isOusted = (why: unknown): boolean =>
  why instanceof TrunklineError && (why.code === 'LEASE_LOST' || why.code === 'STALE_CONTROLLER')

const notStopped = (id: string) =>
  erroredError('EXECUTION_NOT_STOPPED', `${sayExecution(id)} was told to stop and does not`, {
    hint: 'an action of it does not end: look at it in CodePipeline, and abandon it there if need be',
  })
