/** Rollouts in stages: weights move forward stage by stage, each verified, or back to nothing; the old set stays until then. */
import { type EnvironmentName, isStaged, type StagedStrategy } from '../../../src/model/index.ts'
import { hasPassed } from '../../../src/rollout/index.ts'
import type { Division } from '../chronicle.ts'
import type { Evidence, Violation } from './evidence.ts'

type Weighing = Division & { kind: 'weigh' }

export function stagesAreKept(evidence: Evidence): Violation[] {
  const { chronicle } = evidence.history.world
  const found: Violation[] = []
  const weighed = new Map<string, Weighing>()
  for (const division of chronicle.divisions) {
    const { environment, host, service, atMs } = division
    const place = `${environment} ${host} ${service}`
    const strategies = strategiesOf(evidence, environment)
    const texts: string[] = []
    switch (division.kind) {
      case 'weigh':
        texts.push(...whatIsWrongWith(division, strategies, isCatchingUp(division, weighed.values())))
        weighed.set(place, division)
        break
      case 'note-verified': {
        const since = weighed.get(place)
        if (!wasVerified(evidence, division, since, strategies))
          texts.push(`${division.weight} % are noted as verified, and nobody verified them`)
        break
      }
      case 'old-leaves':
        // Of a set that has nothing any more nobody is left to stand in for.
        if (!hasPassed(division.split) && division.split.weight > 0)
          texts.push(`an old instance leaves at ${division.split.weight} %`)
        break
      case 'share-equally':
        weighed.delete(place)
        break
    }
    for (const text of texts) found.push({ invariant: 'stages', atMs, text: `${place}: ${text}` })
  }
  return found
}

/** All that releases ever said of how an environment rolls out in stages. */
function strategiesOf({ releases }: Evidence, environment: EnvironmentName): StagedStrategy[] {
  return [...releases.values()].flatMap((release) => {
    const strategy = release.environments[environment]?.rollout
    return strategy !== undefined && isStaged(strategy) ? [strategy] : []
  })
}

/** A host that was lost on the way back stays ahead: what it has reached had passed the stages before, on all of them. */
const isCatchingUp = (division: Weighing, others: Iterable<Weighing>): boolean =>
  [...others].some(
    ({ environment, service, host, generation, weight }) =>
      environment === division.environment &&
      service === division.service &&
      host !== division.host &&
      generation === division.generation &&
      weight >= division.weight,
  )

function whatIsWrongWith(division: Weighing, strategies: readonly StagedStrategy[], isCatching: boolean): string[] {
  const { generation, weight, before, admitted, replicas } = division
  const texts: string[] = []
  if (admitted < Math.ceil((replicas * weight) / 100)) {
    texts.push(`${weight} % go to ${admitted} new instances of ${replicas}`)
  }
  const from = before?.generation === generation ? before.weight : null
  if (from === null ? weight !== 0 : weight < from && weight !== 0) {
    texts.push(`the weight goes from ${from ?? 'nothing'} to ${weight} %`)
  }
  if (from === null || weight <= from || isCatching) return texts
  const fits = strategies.filter(({ stages }) => {
    const reached = stages.findLastIndex((stage) => stage.weight <= from)
    return stages[reached + 1]?.weight === weight
  })
  if (fits.length === 0) texts.push(`the weight goes from ${from} to ${weight} %, and that is no next stage`)
  const mayBeUnverified = fits.some(({ stages }) => !stages.some((stage) => stage.weight === from))
  if (before?.verifiedAtMs === null && !mayBeUnverified) texts.push(`${weight} % follow ${from} % without verification`)
  return texts
}

/** By whoever notes it, since the weight was reached or an earlier controller was lost there. */
function wasVerified(
  { history }: Evidence,
  { environment, process, atMs, weight }: Division & { kind: 'note-verified' },
  since: Weighing | undefined,
  strategies: readonly StagedStrategy[],
): boolean {
  const name = `${environment} works`
  const mustBe = strategies.every(({ stages }) =>
    stages.some((stage) => stage.weight === weight && stage.verify?.includes(name)),
  )
  if (!mustBe) return true
  return history.world.chronicle.verifications.some(
    (known) =>
      known.ok &&
      known.environment === environment &&
      known.process === process &&
      known.atMs >= (since?.atMs ?? 0) &&
      known.atMs <= atMs,
  )
}
