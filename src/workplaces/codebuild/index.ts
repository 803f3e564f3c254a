/**
 * Builds of a CodeBuild project as the place where orders are carried out. Which order a build is for stands in its
 * variables, so that whoever asks for the same finds the one that is under way; AWS starts no second for the same token.
 */
import { type Build, CodeBuildClient, StartBuildCommand, StopBuildCommand } from '@aws-sdk/client-codebuild'
import type { Aws } from '../../aws/index.ts'
import { sha256 } from '../../hashing/index.ts'
import { type CodeBuildWorkplace, type Digest, erroredError } from '../../model/index.ts'
import type { Clock } from '../../ports/index.ts'
import type { Assignment, AssignmentContext, RunEnd, Workplace } from '../workplace.ts'
import { findBuilds, requireVariables } from './builds.ts'
import { examineProject } from './examine.ts'
import { followBuild } from './follow.ts'
import { startRequest } from './start-request.ts'

export type CodeBuildWorkplaceOptions = { place: CodeBuildWorkplace; aws: Aws; clock: Clock }

/** All calls of a start together. */
const startMs = 120_000
/** After a cancel: for taking back what was started. */
const takeBackMs = 15_000

export function createCodeBuildWorkplace({ place, aws, clock }: CodeBuildWorkplaceOptions): Workplace {
  const client = aws.client(CodeBuildClient)
  /** Builds of this process's orders: what is stopped when nobody wants it any more. */
  const current = new Map<Digest, string>()
  /** How often this process has asked for an order. */
  const asked = new Map<Digest, number>()
  /** Taken, and not to be joined again. */
  const done = new Set<string>()

  async function find({ order }: Assignment, context: AssignmentContext): Promise<Found> {
    const all = await findBuilds(aws, place.project, order, context.signal)
    const known = all.filter(({ id }) => id !== undefined && !done.has(id))
    const running = known.find(({ buildStatus }) => buildStatus === 'IN_PROGRESS')
    if (running !== undefined) return { build: running, earlier: all.length }
    for (const build of known) {
      if (build.buildStatus === 'SUCCEEDED' && (await context.hasOutcome(build.id ?? ''))) {
        return { build, earlier: all.length }
      }
    }
    return { build: null, earlier: all.length }
  }

  async function start(assignment: Assignment, context: AssignmentContext): Promise<Started> {
    const { build, earlier } = await find(assignment, context)
    if (build !== null) return { build, isOwn: false }
    await requireVariables(aws, place.project, Object.keys(assignment.variables), context.signal)
    // Of those who saw the same builds of an order, and of answers lost on the way, one starts the next.
    const times = asked.get(assignment.order) ?? 0
    asked.set(assignment.order, times + 1)
    const token = sha256(`${assignment.order} ${Math.max(earlier, times)}`)
    try {
      const command = new StartBuildCommand(startRequest(assignment, place, token))
      const started = await aws.send(client, command, { signal: context.signal, writes: true })
      if (started.build === undefined)
        throw erroredError('AWS_ANSWER', 'CodeBuild started a build and does not say which')
      return { build: started.build, isOwn: true }
    } catch (error) {
      // The same token with another commit: another controller was faster.
      if (!aws.isError(error, 'InvalidInputException')) throw error
      const again = await find(assignment, context)
      if (again.build === null) throw error
      return { build: again.build, isOwn: false }
    }
  }

  async function stop(id: string, signal: AbortSignal): Promise<void> {
    await aws.send(client, new StopBuildCommand({ id }), { signal }).catch((error: unknown) => {
      // It has ended, or was deleted.
      if (!aws.isError(error, 'InvalidInputException') && !aws.isError(error, 'ResourceNotFoundException')) throw error
    })
  }

  return {
    location: `CodeBuild project ${place.project} in ${aws.region}`,
    platform: place.platform,

    async run(assignment, context): Promise<RunEnd> {
      // Not cut off by a cancel: a build that is started must be known, to be stopped.
      const { build, isOwn } = await start(assignment, { ...context, signal: AbortSignal.timeout(startMs) })
      const id = build.id ?? ''
      current.set(assignment.order, id)
      context.log(isOwn ? `runs as CodeBuild ${id}` : `CodeBuild ${id} does it already: joined`)
      try {
        const fault = await followBuild({ aws, clock, id, title: assignment.title, ...context })
        return { run: id, fault }
      } catch (error) {
        // It would go on for nobody. Where AWS is away it stays, and whoever tries again joins it.
        if (context.signal.aborted) await stop(id, AbortSignal.timeout(takeBackMs)).catch(() => {})
        throw error
      } finally {
        if (context.signal.aborted) current.delete(assignment.order)
      }
    },

    examine: (sample, signal) => examineProject(aws, place, sample, signal),

    // CodeBuild keeps its history: what was taken is only not joined again.
    async forget(order) {
      const id = current.get(order)
      if (id !== undefined) done.add(id)
      current.delete(order)
    },

    close: () => aws.close(),
  }
}

type Found = { build: Build | null /** Builds of the order there have been. */; earlier: number }
type Started = { build: Build /** Started just now, by us. */; isOwn: boolean }
