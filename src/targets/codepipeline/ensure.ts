/**
 * One service carried by its pipeline. Each step looks first, so that whoever comes after a controller that died goes on
 * where it was: an execution says in a variable whose it is, and starting it twice starts one.
 */
import { fingerprintWith } from '../../aws/fingerprint-key.ts'
import { passed, type Verdict } from '../../model/index.ts'
import type { RolloutRequest, TargetContext } from '../../ports/index.ts'
import { summaryOf } from './approve.ts'
import { beginOrJoin } from './begin.ts'
import { type Execution, type Executions, executionsOf, startExecution } from './executions.ts'
import { failedVerdict, noPipeline } from './failure.ts'
import { isSame, type Marker } from './marker.ts'
import { type Parts, pipelineOf, sayExecution, sayPipeline } from './parts.ts'
import { type Pipeline, readPipeline } from './pipeline.ts'
import { objectionsOf, weaknessesOf } from './promises.ts'
import { assertFits, revisionsOf, valuesFor } from './revisions.ts'
import { readStanding } from './standing.ts'
import { watchExecution } from './watch.ts'

export async function ensureCarried(parts: Parts, request: RolloutRequest, context: TargetContext): Promise<Verdict> {
  const { service } = request
  const { signal } = context
  const pipeline = await readPipeline(parts, service, signal)
  if (pipeline === null) throw noPipeline(pipelineOf(parts, service))
  const objections = objectionsOf(parts, pipeline, { service, env: request.desired.env })
  if (objections.length > 0) return { ok: false, refused: true, reasons: objections }
  await assertFits(parts, pipeline, request, context)
  const executions = executionsOf(parts, pipeline.name)
  const marker = await markerFor(parts, pipeline, request, context)
  const id = await beginOrJoin(parts, { pipelineName: pipeline.name, executions }, context, {
    isIt: (known) => known?.wayBackFrom === null && isSame(known, marker),
    begin: (known) => begin(parts, { pipeline, executions, marker, known }, request, context),
  })
  if (id === null) return passed
  const summary = summaryOf(parts, service, context.deployment, null)
  const watched = await watchExecution(parts, { pipeline, executions, id, summary }, context)
  if (watched.execution.status === 'Succeeded') return passed
  return await failedVerdict(parts, { pipeline, executions, service, watched }, context)
}

async function markerFor(
  parts: Parts,
  pipeline: Pipeline,
  request: RolloutRequest,
  context: TargetContext,
): Promise<Marker> {
  const { service, desired, variables } = request
  const { deployment, signal } = context
  // The first deployment makes the key; a plan before it had none.
  const isGiven = Object.keys(desired.env).length > 0
  const fingerprint = isGiven ? fingerprintWith(await parts.key.made(signal), variables) : desired.fingerprint
  return {
    deployment: deployment?.id ?? '-',
    ...{ service, generation: desired.generation, artifact: desired.artifact, fingerprint },
    commit: deployment?.candidate.commit ?? '-',
    revisions: await revisionsOf(parts, pipeline, request, context),
    wayBackFrom: null,
  }
}

type Beginning = { pipeline: Pipeline; executions: Executions; marker: Marker; known: readonly Execution[] }

/** The id of what is to be watched; null: it is as it should be. */
async function begin(
  parts: Parts,
  { pipeline, executions, marker, known }: Beginning,
  request: RolloutRequest,
  context: TargetContext,
): Promise<string | null> {
  const { signal, log, report } = context
  const standing = await readStanding(parts, pipeline, executions, signal)
  if (standing.unfinished === null && isSame(standing.marker, marker)) {
    report({ ready: pipeline.stages.length, desired: pipeline.stages.length, old: 0 })
    return null
  }
  const failed = await failedBefore(executions, marker, known, signal)
  if (failed !== null) return failed
  for (const { message } of weaknessesOf(parts, pipeline)) log(message)
  const variables = valuesFor(parts, pipeline, request, context)
  const attempt = await attemptsBefore(executions, marker, known, signal)
  const id = await startExecution(parts, { pipelineName: pipeline.name, marker, variables, attempt }, signal)
  const from = marker.revisions.map(({ action, value }) => `${action}: ${value}`).join(', ') || marker.artifact
  log(`${sayExecution(id)} of ${sayPipeline(pipeline.name)} brings ${from}`)
  return id
}

const isOfThis = (known: Marker | null, marker: Marker): boolean =>
  isSame(known, marker) && known?.deployment === marker.deployment && known.wayBackFrom === null

/** The same deployment of Trunkline failed here, and its controller died before it could say so: it counts. */
async function failedBefore(
  executions: Executions,
  marker: Marker,
  known: readonly Execution[],
  signal: AbortSignal,
): Promise<string | null> {
  if (marker.deployment === '-') return null
  for (const execution of known) {
    const found = await executions.markerOf(execution, signal)
    if (isOfThis(found, marker)) return execution.status === 'Failed' ? execution.pipelineExecutionId : null
    const isWayBack = execution.executionType === 'ROLLBACK' || (found !== null && found.wayBackFrom !== null)
    if (!isWayBack) return null
  }
  return null
}

/** How many of this deployment have ended here: the next is another one. */
async function attemptsBefore(
  executions: Executions,
  marker: Marker,
  known: readonly Execution[],
  signal: AbortSignal,
): Promise<number> {
  let count = 0
  for (const execution of known) {
    const found = await executions.markerOf(execution, signal)
    if (isOfThis(found, marker)) count += 1
    // Deployments follow one another: what lies before another's is none of this one.
    else if (found !== null && found.deployment !== marker.deployment && found.wayBackFrom === null) break
  }
  return count
}
