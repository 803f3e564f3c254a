/** Pure: which artifacts something still needs, and which nothing does. */
import type { BuildRecord, Digest, Reason, ServiceName } from '../model/index.ts'
import { reason } from '../model/index.ts'

/** An artifact that is needed, and why. */
export type Need = { artifact: Digest; reason: Reason }

export type PruneFacts = {
  builds: readonly BuildRecord[]
  needs: readonly Need[]
  nowMs: number
  /** Whose build is younger stays: its delivery may be under way. */
  graceMs: number
}

export type PrunableArtifact = {
  artifact: Digest
  /** What it was built for. */
  services: ServiceName[]
  /** When it was built first; ISO 8601. */
  builtAt: string
  commit: string
  reasons: Reason[]
}

export type PrunePlan = { kept: PrunableArtifact[]; removed: PrunableArtifact[] }

/** Oldest first. An artifact that several builds made is one. */
export function planPruning({ builds, needs, nowMs, graceMs }: PruneFacts): PrunePlan {
  const reasons = new Map<Digest, Reason[]>()
  for (const { artifact, reason: why } of needs) {
    const known = reasons.get(artifact) ?? []
    if (!known.some(({ message }) => message === why.message)) reasons.set(artifact, [...known, why])
  }
  const plan: PrunePlan = { kept: [], removed: [] }
  for (const found of artifactsOf(builds)) {
    const why = reasons.get(found.artifact) ?? []
    const isYoung = builds.some(({ artifact, at }) => artifact === found.artifact && nowMs - Date.parse(at) < graceMs)
    if (isYoung) why.push(reason('built-lately', 'it was built less than a day ago'))
    if (why.length > 0) plan.kept.push({ ...found, reasons: why })
    else plan.removed.push({ ...found, reasons: [nobodyNeedsIt] })
  }
  return plan
}

const nobodyNeedsIt = reason('not-needed', 'no environment, earlier release, tag or recent commit of trunk needs it')

function artifactsOf(builds: readonly BuildRecord[]): Array<Omit<PrunableArtifact, 'reasons'>> {
  const found = new Map<Digest, Omit<PrunableArtifact, 'reasons'>>()
  const oldestFirst = [...builds].sort((left, right) => (left.at < right.at ? -1 : left.at > right.at ? 1 : 0))
  for (const { artifact, service, at, commit } of oldestFirst) {
    const known = found.get(artifact)
    if (known === undefined) found.set(artifact, { artifact, services: [service], builtAt: at, commit })
    else if (!known.services.includes(service)) known.services.push(service)
  }
  return [...found.values()]
}
