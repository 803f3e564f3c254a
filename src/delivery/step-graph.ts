/** Runs a graph of steps: each after those it needs, independent ones side by side, none after the first failure. */
import { cancelledError } from '../model/index.ts'
import { followSignal } from './follow-signal.ts'

export type GraphStep = { id: string; needs: readonly string[] }

/** Steps of one lane are side by side up to its width, whatever goes on in others. */
export type Lane = { name: string; width: number }

export type GraphOptions<Step extends GraphStep> = {
  /** Of all steps that have no lane of their own. */
  concurrency: number
  /** null: none of its own. */
  laneOf?(step: Step): Lane | null
  /** What a step waits for; default: its needs. */
  needsOf?(step: Step): readonly string[]
  signal: AbortSignal
  /** Answers whether the step succeeded; `false` ends the run. Throwing ends it too, and is thrown on. */
  run(step: Step, signal: AbortSignal): Promise<boolean>
}

/**
 * Answers the step that failed first, or null. When one fails, those still running are told to stop and waited for:
 * nothing of the graph runs on after this returns.
 */
export async function runGraph<Step extends GraphStep>(
  steps: readonly Step[],
  { concurrency, laneOf = () => null, needsOf = ({ needs }) => needs, signal, run }: GraphOptions<Step>,
): Promise<Step | null> {
  const known = new Set(steps.map((step) => step.id))
  const done = new Set<string>()
  const waiting = new Set(steps)
  const running = new Map<string, Promise<void>>()
  const shared: Lane = { name: '', width: concurrency }
  const busy = new Map<string, number>()
  const stop = new AbortController()
  const leave = followSignal(signal, stop)
  let failed: Step | null = null
  let fault: { error: unknown } | null = null

  const start = (step: Step, { name }: Lane) => {
    waiting.delete(step)
    busy.set(name, (busy.get(name) ?? 0) + 1)
    const ended = run(step, stop.signal)
      .then((succeeded) => {
        if (succeeded) done.add(step.id)
        else {
          failed ??= step
          stop.abort(cancelledError(`${step.id} failed`))
        }
      })
      .catch((error: unknown) => {
        // A step that was told to stop because another failed has no story of its own.
        if (failed === null && fault === null) fault = { error }
        stop.abort(cancelledError(`${step.id} ended`))
      })
      .finally(() => {
        running.delete(step.id)
        busy.set(name, (busy.get(name) ?? 0) - 1)
      })
    running.set(step.id, ended)
  }

  while (waiting.size + running.size > 0) {
    if (!stop.signal.aborted) {
      for (const step of waiting) {
        const lane = laneOf(step) ?? shared
        if ((busy.get(lane.name) ?? 0) >= lane.width) continue
        if (needsOf(step).every((need) => done.has(need) || !known.has(need))) start(step, lane)
      }
    }
    if (running.size === 0) break
    await Promise.race(running.values())
  }
  leave()
  if (fault !== null) throw (fault as { error: unknown }).error
  if (failed === null) {
    if (signal.aborted) throw signal.reason
    if (waiting.size > 0)
      throw new Error(`steps wait for each other: ${[...waiting].map((step) => step.id).join(', ')}`)
  }
  return failed
}
