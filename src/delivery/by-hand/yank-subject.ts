/** `yank` and `unyank` by a person's word: a revision, a release or a digest. */
import { readCommitRecord, readRelease, type Snapshot } from '../../ledger/index.ts'
import type { CommitId, EnvironmentName, ReleaseId, Yank } from '../../model/index.ts'
import { isDigest, isHash, reason, short, TrunklineError, usageError } from '../../model/index.ts'
import { artifactsOf } from '../../planning/index.ts'
import { unyank, yankArtifact, yankRelease } from '../deployment/yank.ts'
import type { Engine } from '../engine.ts'
import { notify } from '../notify.ts'
import { policyOf, type Scene } from '../scene.ts'

export type YankOptions = {
  subject: string
  resolve(revision: string): Promise<CommitId>
  why: string
  signal: AbortSignal
}

export type YankAnswer = {
  kind: 'release' | 'artifact'
  id: string
  label: string
  yanked: boolean
  reason: string
  /** Environments that run it now: they are told, nothing rolls by itself (invariant 5). */
  runsIn: EnvironmentName[]
}

type Named = { subject: Yank['subject']; label: string }

export async function yankSubject(engine: Engine, scene: Scene, options: YankOptions): Promise<YankAnswer> {
  await engine.ledger.trust.require('either')
  const snapshot = await engine.ledger.refresh(options.signal)
  const { subject, label } = await nameSubject(engine, snapshot, options)
  if (subject.kind === 'artifact') await yankArtifact(engine, subject.artifact, options.why, options.signal)
  else await yankRelease(engine, { ...subject, label, why: options.why, signal: options.signal })
  const runsIn = await alertWhereItRuns(engine, scene, snapshot, subject, options)
  return answer(subject, label, true, options.why, runsIn)
}

export async function unyankSubject(engine: Engine, _scene: Scene, options: YankOptions): Promise<YankAnswer> {
  await engine.ledger.trust.require('person')
  const snapshot = await engine.ledger.refresh(options.signal)
  const { subject, label } = await nameSubject(engine, snapshot, options)
  const known = (await engine.ledger.yanks(snapshot)).find((yank) => keyOf(yank.subject) === keyOf(subject))
  if (known === undefined || !known.yanked) throw usageError('NOT_YANKED', `${label} is not yanked`)
  await unyank(engine, subject, label, options.why, options.signal)
  return answer(subject, label, false, options.why, [])
}

const keyOf = (subject: Yank['subject']): string => (subject.kind === 'artifact' ? subject.artifact : subject.release)

const answer = (
  subject: Yank['subject'],
  label: string,
  yanked: boolean,
  why: string,
  runsIn: EnvironmentName[],
): YankAnswer => ({ kind: subject.kind, id: keyOf(subject), label, yanked, reason: why, runsIn })

async function nameSubject(engine: Engine, snapshot: Snapshot, options: YankOptions): Promise<Named> {
  const { subject } = options
  if (isDigest(subject))
    return { subject: { kind: 'artifact', artifact: subject }, label: `artifact ${short(subject)}` }
  if (isHash(subject)) {
    const release = await readRelease(engine.ledger, snapshot, subject as ReleaseId) // A 64-digit hash is a release id or nothing.
    if (release !== null)
      return { subject: { kind: 'release', release: release.id, views: [] }, label: `release ${short(subject)}` }
  }
  const known = await byPrefix(engine, snapshot, subject)
  if (known !== null) return known
  // A revision first: `main` means what main is now, whatever was yanked under that name before.
  const commit = await options.resolve(subject).catch((error: unknown) => {
    if (error instanceof TrunklineError && error.kind === 'usage') return error
    throw error
  })
  const record = commit instanceof TrunklineError ? null : await readCommitRecord(engine.ledger, snapshot, commit)
  if (record?.outcome === 'released') {
    return { subject: { kind: 'release', release: record.release, views: [] }, label: subject }
  }
  const named = (await engine.ledger.yanks(snapshot)).find((yank) => yank.label === subject)
  if (named !== undefined) return { subject: named.subject, label: subject }
  if (commit instanceof TrunklineError) throw commit
  throw usageError('NO_RELEASE', `${subject} (${commit.slice(0, 7)}) has no release to yank`, {
    hint: 'only what was released can be yanked; trunkline where shows how far a commit got',
  })
}

/** The beginning of the id of a release or artifact that environments or bans know. */
async function byPrefix(engine: Engine, snapshot: Snapshot, text: string): Promise<Named | null> {
  if (!/^[0-9a-f]{8,63}$/.test(text)) return null
  for (const yank of await engine.ledger.yanks(snapshot)) {
    const isNamed = keyOf(yank.subject).replace('sha256:', '').startsWith(text)
    if (isNamed) return { subject: yank.subject, label: yank.label ?? text }
  }
  const prefix = `${engine.ledger.refs.all}env/`
  for (const ref of snapshot.keys()) {
    if (!ref.startsWith(prefix)) continue
    const { state } = await engine.ledger.environment(snapshot, ref.slice(prefix.length))
    const known = state.history.find((running) => running.release.startsWith(text))
    if (known) return { subject: { kind: 'release', release: known.release, views: [] }, label: known.version }
  }
  return null
}

async function alertWhereItRuns(
  engine: Engine,
  scene: Scene,
  snapshot: Snapshot,
  subject: Yank['subject'],
  options: YankOptions,
): Promise<EnvironmentName[]> {
  const runsIn: EnvironmentName[] = []
  for (const name of Object.keys(scene.project.environments)) {
    const { state } = await engine.ledger.environment(snapshot, name)
    const policy = policyOf(scene.project, name)
    if (state.running === null || policy === null) continue
    const release = await readRelease(engine.ledger, snapshot, state.running.release)
    const isHit =
      subject.kind === 'release'
        ? state.running.release === subject.release
        : release !== null && artifactsOf(release).includes(subject.artifact)
    if (!isHit) continue
    runsIn.push(name)
    await noteInHistory(engine, name, subject, options)
    notify(engine, { project: scene.project, policy, candidate: state.running }, 'yanked', {
      reasons: [reason('yanked', `${options.why}; ${name} runs it still`, { hint: `trunkline rollback ${name}` })],
    })
  }
  return runsIn
}

/** The environment's own history says it, too. Bounded tries. */
async function noteInHistory(
  engine: Engine,
  environment: EnvironmentName,
  subject: Yank['subject'],
  options: YankOptions,
): Promise<void> {
  const detail =
    subject.kind === 'release'
      ? { release: subject.release, artifact: null }
      : { release: null, artifact: subject.artifact }
  for (let attempt = 0; attempt < 10; attempt++) {
    const snapshot = await engine.ledger.refresh(options.signal)
    const position = await engine.ledger.environment(snapshot, environment)
    const event = { kind: 'yanked' as const, ...detail, deployment: null, reasons: [reason('yanked', options.why)] }
    if ((await engine.ledger.append(position, [event], null, options.signal)).kind === 'appended') return
  }
}
