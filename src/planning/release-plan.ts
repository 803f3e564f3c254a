/** Pure: what must be checked and built before a commit has a release, and what exists already. */
import type {
  BuildRecord,
  CheckRecord,
  Digest,
  InputHash,
  PlannedService,
  PlannedStep,
  Project,
  Reason,
  ServiceName,
} from '../model/index.ts'
import { reason, short } from '../model/index.ts'
import { ownerOf } from './inputs/artifact-owner.ts'

export type ReleaseFacts = {
  project: Project
  inputHashes: Record<ServiceName, InputHash>
  checkHashes: Record<ServiceName, Record<string, InputHash>>
  builds: ReadonlyMap<InputHash, BuildRecord>
  checks: ReadonlyMap<InputHash, CheckRecord>
  /** Recorded artifacts whose bytes the store does not have (any more). */
  missing: ReadonlySet<Digest>
  /** Why a service's inputs are new, by service; empty where unknown (no earlier commit to compare with). */
  changes: Record<ServiceName, Reason[]>
  /** Whether red verdicts on record are tried again. */
  retriesRed: boolean
}

export type CheckStep = PlannedStep & { kind: 'check'; service: ServiceName; check: string; hash: InputHash }
export type BuildStep = PlannedStep & {
  kind: 'build'
  service: ServiceName
  hash: InputHash /** What the record says the bytes must be. */
  restores: Digest | null
}
export type ReleaseStep = CheckStep | BuildStep

export type ReleasePlan = {
  services: PlannedService[]
  steps: ReleaseStep[]
  /** Digests that exist; services to be built are absent. */
  artifacts: Record<ServiceName, Digest>
  /** Verdicts on record that stop this release without running anything. */
  red: CheckRecord[]
}

export function planRelease(facts: ReleaseFacts): ReleasePlan {
  const services: PlannedService[] = []
  const steps: ReleaseStep[] = []
  const artifacts: Record<ServiceName, Digest> = {}
  const red: CheckRecord[] = []
  const toBuild = new Map<ServiceName, BuildStep>()

  for (const name of Object.keys(facts.project.services)) {
    const checks = planChecks(name, facts, red)
    steps.push(...checks)
    const hash = facts.inputHashes[name]
    if (hash === undefined) throw new Error(`no input hash for ${name}`)
    const owner = ownerOf(facts.project, name)
    const record = facts.builds.get(facts.inputHashes[owner] ?? hash)
    const isThere = record !== undefined && !facts.missing.has(record.artifact)
    if (record !== undefined) artifacts[name] = record.artifact
    services.push({
      name,
      inputHash: hash,
      artifact: record?.artifact ?? null,
      action: isThere ? 'reuse' : 'build',
      reasons: isThere ? whyReuse(name, owner, record, facts) : whyBuild(name, owner, record, facts),
    })
    if (isThere || owner !== name) continue
    toBuild.set(name, {
      id: `build:${name}`,
      kind: 'build',
      needs: checks.map((check) => check.id),
      reasons: whyBuild(name, owner, record, facts),
      service: name,
      hash,
      restores: record?.artifact ?? null,
    })
  }
  for (const [name, step] of toBuild) {
    const bases = facts.project.services[name]?.needs ?? []
    const needs = bases.map((base) => ownerOf(facts.project, base)).filter((base) => toBuild.has(base))
    steps.push({ ...step, needs: [...step.needs, ...needs.map((base) => `build:${base}`)] })
  }
  return { services, steps, artifacts, red }
}

/** Services whose builds start, at any distance, from the artifacts of the given ones. */
export function builtUpon(project: Project, bases: ReadonlySet<ServiceName>): Set<ServiceName> {
  const found = new Set<ServiceName>()
  const owners = new Set([...bases].map((base) => ownerOf(project, base)))
  // Each round reaches one further: the configuration admits no circles.
  for (let round = 0; round < Object.keys(project.services).length; round++) {
    for (const { name, needs } of Object.values(project.services)) {
      const isUpon = needs.some((base) => owners.has(ownerOf(project, base)) || found.has(ownerOf(project, base)))
      if (isUpon && !owners.has(name)) found.add(name)
    }
  }
  return found
}

function planChecks(name: ServiceName, facts: ReleaseFacts, red: CheckRecord[]): CheckStep[] {
  const steps: CheckStep[] = []
  for (const check of Object.keys(facts.project.services[name]?.checks ?? {})) {
    const hash = facts.checkHashes[name]?.[check]
    if (hash === undefined) throw new Error(`no hash for check ${name}/${check}`)
    const record = facts.checks.get(hash)
    if (record?.verdict === 'green') continue
    if (record?.verdict === 'red' && !facts.retriesRed) {
      red.push(record)
      continue
    }
    steps.push({
      id: `check:${name}/${check}`,
      kind: 'check',
      needs: [],
      reasons: record
        ? [reason('retry-red', `${check} was red at ${record.commit.slice(0, 7)} and is tried again`)]
        : [reason('not-checked', `${check} has not run for these inputs`), ...(facts.changes[name] ?? [])],
      service: name,
      check,
      hash,
    })
  }
  return steps
}

function whyReuse(name: ServiceName, owner: ServiceName, record: BuildRecord, facts: ReleaseFacts): Reason[] {
  const whose = owner === name ? '' : `the artifact of ${owner}, `
  return [
    reason('already-built', `${whose}built once at ${record.commit.slice(0, 7)} from the same inputs`, {
      commit: record.commit,
      digest: record.artifact,
    }),
    ...(facts.changes[name] ?? []),
  ]
}

function whyBuild(
  name: ServiceName,
  owner: ServiceName,
  record: BuildRecord | undefined,
  facts: ReleaseFacts,
): Reason[] {
  if (record !== undefined) {
    return [
      reason(
        'bytes-missing',
        `the store has lost artifact ${short(record.artifact)}: it is built again and must come out the same`,
        {
          digest: record.artifact,
        },
      ),
    ]
  }
  const known = facts.changes[name] ?? []
  if (owner !== name)
    return [reason('shared-artifact', `${name} runs the artifact of ${owner}, which is to be built`), ...known]
  return known.length > 0 ? known : [reason('never-built', `${name} was never built from these inputs`)]
}
