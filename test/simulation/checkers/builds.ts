/** Invariants 1, 2, 3 and 11: builds. */
import type { Evidence, Violation } from './evidence.ts'
import { feeds } from './evidence.ts'

/** 1. For one input hash at most one build record, whoever races; the loser uses the winner's bytes. */
export function buildOnce({ history, builds, commits, releases, rewritten }: Evidence): Violation[] {
  const { built } = history.world.chronicle
  const found: Violation[] = rewritten.map(({ path, atMs }) => ({
    invariant: 1,
    atMs,
    text: `${path} was written twice`,
  }))
  const recorded = new Set([...builds.values()].map(({ record }) => record.artifact))
  for (const { record, atMs } of builds.values()) {
    const made = built.filter((build) => build.artifact === record.artifact)
    if (!made.some((build) => build.inputHash === record.inputHash)) {
      found.push({
        invariant: 1,
        atMs,
        text: `${record.service}: nobody built ${record.artifact} from the inputs on record`,
      })
    }
    const isSound = made.some((build) => Object.values(build.needs).every((digest) => recorded.has(digest)))
    if (made.length > 0 && !isSound) {
      found.push({
        invariant: 1,
        atMs,
        text: `${record.service}: its bytes on record were built from bytes that are on no record`,
      })
    }
  }
  for (const commit of commits.values()) {
    if (commit.outcome !== 'released') continue
    const release = releases.get(commit.release)
    for (const [name, service] of Object.entries(release?.services ?? {})) {
      const inputHash = commit.inputHashes[name]
      const record = inputHash === undefined ? undefined : builds.get(inputHash)
      if (record?.record.artifact !== service.artifact) {
        found.push({
          invariant: 1,
          atMs: 0,
          text: `${name} of commit ${commit.commit.slice(0, 7)} is not the bytes on record`,
        })
      }
    }
    if (release === undefined) found.push({ invariant: 1, atMs: 0, text: `release ${commit.release} is not on record` })
  }
  return found
}

/** 2. A promotion deploys digests that already exist. It never builds. */
export function sameBytes(evidence: Evidence): Violation[] {
  const { history, builds, policiesDuring, runOf } = evidence
  const { chronicle } = history.world
  const found: Violation[] = []
  for (const { atMs, process, service } of chronicle.built) {
    const run = runOf(process)
    if (run === undefined) continue
    const policies = policiesDuring(run.startedMs, atMs)
    const isFirst = (name: string) => policies.some((project) => project.environments[name]?.after.length === 0)
    const { act } = run.action
    const moved = act.kind === 'deliver' ? chronicle.runs.find(({ action }) => action.id === act.push) : undefined
    const answer = moved?.outcome.kind === 'answered' ? moved.outcome.answer : null
    const ref = answer !== null && typeof answer === 'object' && 'ref' in answer ? String(answer.ref) : ''
    const mayBuild =
      act.kind === 'advance' ||
      act.kind === 'approve' ||
      ((act.kind === 'deploy' || act.kind === 'retry') && isFirst(run.environment ?? act.environment)) ||
      (act.kind === 'deliver' &&
        policies.some((project) =>
          Object.values(project.environments).some((known) => known.after.length === 0 && feeds(known, ref)),
        ))
    if (!mayBuild)
      found.push({ invariant: 2, atMs, text: `${act.kind} built ${service}, and was to promote what exists` })
  }
  const recordedAt = new Map([...builds.values()].map(({ record, atMs }) => [record.artifact, atMs]))
  for (const { atMs, environment, service, kind, artifact } of chronicle.effects) {
    if (kind !== 'start' || artifact === null) continue
    if ((recordedAt.get(artifact) ?? Number.POSITIVE_INFINITY) > atMs) {
      found.push({ invariant: 2, atMs, text: `${service} in ${environment} runs ${artifact}, which is on no record` })
    }
  }
  return found
}

/** 3. A docs-only commit has its parent's hashes and release; instances get nothing that varies by commit. */
export function anyCommitIsPromotable(evidence: Evidence): Violation[] {
  const { history, commits, environments, ledger, decidedSince } = evidence
  const { source, chronicle } = history.world
  const found: Violation[] = []
  for (const record of commits.values()) {
    const parent = source.find(record.commit).parents[0]
    const before = parent === undefined ? undefined : commits.get(parent)
    if (parent === undefined || before === undefined) continue
    const [files, old] = [source.files(record.commit), source.files(parent)]
    const differs = [...new Set([...files.keys(), ...old.keys()])].filter((path) => files.get(path) !== old.get(path))
    if (differs.some((path) => path !== 'README.md')) continue
    const isSame = record.outcome !== 'released' || before.outcome !== 'released' || record.release === before.release
    const hashes = (one: typeof record) => JSON.stringify(Object.entries(one.inputHashes).sort())
    if (!isSame || hashes(record) !== hashes(before)) {
      found.push({
        invariant: 3,
        atMs: 0,
        text: `only words changed in ${record.commit.slice(0, 7)}, and it is another release`,
      })
    }
  }
  for (const { atMs, service, environment, variables } of chronicle.effects) {
    const told = Object.entries(variables ?? {}).find(([, value]) => /[0-9a-f]{40}/.test(value))
    if (told) found.push({ invariant: 3, atMs, text: `${service} in ${environment} is told ${told[0]}=${told[1]}` })
  }
  for (const environment of environments) {
    const entries = ledger(environment)
    for (const [index, { event, atMs, process }] of entries.entries()) {
      if (event.kind !== 'succeeded' || event.deployment !== null) continue
      const previous = entries.slice(0, index).findLast((entry) => entry.process === process && entry.atMs < atMs)
      const sinceMs = Math.max(previous?.atMs ?? 0, decidedSince(process, environment, atMs))
      const effect = chronicle.effects.find(
        (known) =>
          known.process === process && known.environment === environment && known.atMs > sinceMs && known.atMs <= atMs,
      )
      if (effect)
        found.push({
          invariant: 3,
          atMs,
          text: `${environment}: ${event.candidate.version} changes nothing, and yet: ${effect.kind} ${effect.service}`,
        })
    }
  }
  return found
}

/** 11. A build sees only its inputs. */
export function buildSeesOnlyItsInputs({ history }: Evidence): Violation[] {
  const found: Violation[] = []
  for (const { atMs, service, files } of history.world.chronicle.built) {
    const strange = files.filter(
      (path) => path !== 'shared.txt' && (!path.startsWith(`${service}/`) || path.startsWith(`${service}/deploy/`)),
    )
    if (strange.length > 0)
      found.push({ invariant: 11, atMs, text: `the build of ${service} sees ${strange.join(', ')}` })
    if (!files.includes(`${service}/main.txt`)) {
      found.push({ invariant: 11, atMs, text: `the build of ${service} does not see its main.txt` })
    }
  }
  return found
}
