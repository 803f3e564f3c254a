/** What an engine gives a target, with what the target said of its work. */
import type { CommitId } from '../../src/model/index.ts'
import type { ArtifactStore, TargetContext } from '../../src/ports/index.ts'

export type RecordedContext = TargetContext & { lines: string[]; reports: unknown[] }

export function recordedContext(
  given: { artifacts: ArtifactStore; environment: string; signal: AbortSignal },
  change: Partial<TargetContext> = {},
): RecordedContext {
  const lines: string[] = []
  const reports: unknown[] = []
  return {
    ...{ signal: given.signal, epoch: 1, artifacts: given.artifacts, lines, reports },
    deployment: {
      id: `d-${given.environment}-1` as never, // A brand that nobody here reads.
      actor: { name: 'Ada', email: 'ada@example.com' },
      candidate: { commit: 'c0ffee00'.repeat(5) as CommitId } as never, // The rest is not read.
      together: [],
    },
    report: (update) => reports.push(update),
    log: (line) => lines.push(line),
    ...change,
  }
}
