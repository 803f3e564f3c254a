import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { CommitId, Project, RefName } from '../../model/index.ts'
import { erroredError, short, usageError } from '../../model/index.ts'
import type { ArtifactStore, StateStore } from '../../ports/index.ts'
import type { VerificationDocument } from '../../reporting/verification.ts'
import { type Command, type CommandResult, flagOption, type Invocation, textOption } from '../command.ts'
import { type Context, nobodyWatches, withContext } from '../context.ts'

export const verifyLedger: Command = {
  name: 'verify-ledger',
  summary: 'Check the whole history: chained, signed, folded anew, not rewritten',
  detail:
    'Names the first event that is wrong and exits 1. With --offline it asks nobody and checks what this machine has.',
  options: [
    { flags: '--offline', summary: 'what this machine has seen last, with the policy of its own copy of trunk' },
    { flags: '--repository <path>', summary: 'the state in another repository, or in a bundle of one' },
    { flags: '--artifacts', summary: 'look for every artifact that is on record, too' },
    { flags: '--allowed-signers', summary: 'print whose signatures count, as git and ssh-keygen take it, and end' },
  ],
  run: (invocation) => withContext(invocation, nobodyWatches, (context) => run(invocation, context)),
}

type Place = { project: Project; state: StateStore; artifacts: ArtifactStore; close(): Promise<void> }

async function run(invocation: Invocation, context: Context): Promise<CommandResult> {
  const isOffline = flagOption(invocation, 'offline')
  const { allowedSigners, signersOf } = await import('../../ledger/index.ts')
  const place = await openPlace(invocation, context, isOffline)
  try {
    const signers = signersOf(place.project)
    if (flagOption(invocation, 'allowedSigners')) {
      const lines = signers === null ? [] : allowedSigners(signers)
      return { exitCode: 0, document: { allowedSigners: lines }, lines }
    }
    const { stream } = place.state
    if (stream === undefined) throw erroredError('NOT_STREAMED', 'this state cannot be read as a whole')
    const { readVerifiedTips, rememberTips } = await import('../verified-tips.ts')
    const { prefix } = place.project.state
    const known = await readVerifiedTips(context.home, place.state.location)
    const names = Object.keys(place.project.environments).flatMap((name) => [`env/${name}`, `lease/${name}`])
    const refs = [...new Set([...known.keys(), ...['builds', 'yanks', ...names].map((name) => `${prefix}/${name}`)])]
    const seen = await stream.lastSeen(refs)
    const tips = isOffline ? seen : await place.state.refresh([`${prefix}/`], invocation.signal)
    const { verificationOf } = await import('../../reporting/verification.ts')
    const document = await verificationOf({
      ...{ location: place.state.location, stream, signers, prefix, tips, signal: invocation.signal },
      remembered: rememberedOf(known, seen, `${prefix}/lease/`),
      artifacts: flagOption(invocation, 'artifacts') ? place.artifacts : null,
    })
    if (document.ok) await rememberTips(context.home, place.state.location, known, withoutLeases(tips, prefix))
    return { exitCode: document.ok ? 0 : 1, document, lines: linesOf(document) }
  } finally {
    await place.close()
  }
}

async function openPlace(invocation: Invocation, context: Context, isOffline: boolean): Promise<Place> {
  const { engine, project } = isOffline ? await context.asLastSeen() : await fromTrunk(context)
  const path = textOption(invocation, 'repository')
  const { artifacts, state } = engine.world
  if (path === null) return { project, state, artifacts, close: async () => {} }
  const full = resolve(invocation.io.cwd, path)
  if ((await stat(full).catch(() => null)) === null)
    throw usageError('BAD_OPTION', `--repository names ${path}, and nothing is there`)
  if (isOffline) throw usageError('BAD_OPTION', '--repository asks nobody anyway: leave --offline out')
  const { openStateStore } = await import('../../git/index.ts')
  const other = openStateStore({
    location: full,
    cacheDirectory: context.home.stateCache(full),
    environment: invocation.io.environment,
  })
  return { project, state: other, artifacts, close: () => other.close() }
}

async function fromTrunk(context: Context) {
  const { engine, scene } = await context.onTrunk()
  return { engine, project: scene.project }
}

const withoutLeases = (tips: ReadonlyMap<RefName, CommitId>, prefix: string): Map<RefName, CommitId> =>
  new Map([...tips].filter(([ref]) => !ref.startsWith(`${prefix}/lease/`)))

function rememberedOf(
  known: ReadonlyMap<RefName, readonly CommitId[]>,
  seen: ReadonlyMap<RefName, CommitId>,
  leases: string,
): Map<RefName, CommitId[]> {
  const remembered = new Map([...known].map(([ref, tips]): [RefName, CommitId[]] => [ref, [...tips]]))
  for (const [ref, tip] of seen) {
    if (ref.startsWith(leases)) continue
    remembered.set(ref, [...new Set([...(remembered.get(ref) ?? []), tip])])
  }
  return remembered
}

function linesOf(document: VerificationDocument): string[] {
  const { first, problems, refs, signed } = document
  const lines = refs.map(({ ref, commits, signedBy, adoptedAt }) => {
    const who = Object.entries(signedBy).map(([name, count]) => `${name} ${count}`)
    const signatures = who.length === 0 ? '' : `, signed by ${who.join(', ')}`
    return `${ref}: ${commits} commit${commits === 1 ? '' : 's'}${signatures}${adoptedAt === null ? '' : `; adopted at ${short(adoptedAt)}`}`
  })
  if (document.artifacts !== null) lines.push(`artifacts on record: ${document.artifacts.checked}`)
  if (first === null) {
    const how = signed ? 'every signature counts' : 'signatures are not asked for: trunk lists no builders'
    return [...lines, `the ledger is whole: ${document.commits} commits; ${how}`]
  }
  const more = problems.length > 1 ? [`and ${problems.length - 1} more (--json has them)`] : []
  return [
    ...lines,
    '',
    `first bad: ${first.ref}${first.commit === null ? '' : ` at ${short(first.commit)}`}${first.seq === null ? '' : `, event ${first.seq}`}`,
    `  ${first.code}: ${first.message}`,
    `  → ${first.hint}`,
    ...more,
  ]
}
