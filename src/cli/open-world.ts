/** Puts the adapters together: the one place that knows them all. Heavy ones are loaded when first used. */
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { openArtifactStore } from '../artifacts/index.ts'
import type { Aws } from '../aws/index.ts'
import { systemClock, systemRandom } from '../clock/index.ts'
import type { Engine } from '../delivery/engine.ts'
import type { OpenedSourceRepository, OpenedStateStore, WorkingCopy } from '../git/index.ts'
import { configValue, openStateStore, resolveStateLocation } from '../git/index.ts'
import type { Home } from '../home/index.ts'
import { createLedger } from '../ledger/index.ts'
import type { AwsAccess, CommitId, EnvironmentPolicy, Progress, Project } from '../model/index.ts'
import { usageError } from '../model/index.ts'
import type { ArtifactStore, FindSigner, LeaseHolder, Notifier, Signer, Target, World } from '../ports/index.ts'
import { currentProcess, livenessOf } from '../process/index.ts'
import { programFingerprint } from '../program/fingerprint.ts'
import { openTarget } from '../targets/index.ts'
import { createVariableSource } from '../variables/index.ts'
import { actorOf } from './actor.ts'
import { lazyBuilder, lazyProbe, silentNotifier } from './lazy-ports.ts'
import { selectionCache } from './selection-cache.ts'

export type WorldOptions = {
  project: Project
  source: OpenedSourceRepository
  workingCopy: WorkingCopy
  home: Home
  environment: NodeJS.ProcessEnv
  projectAt(commit: CommitId): Promise<Project>
  progress(event: Progress): void
  signal: AbortSignal
  concurrency?: number
}

const defaultConcurrency = 4

export type OpenedWorld = {
  engine: Engine
  state: OpenedStateStore /** Lets go of everything that was opened. */
  close(): Promise<void>
}

export async function openWorld(options: WorldOptions): Promise<OpenedWorld> {
  const { project, source, workingCopy, home, environment, progress } = options
  const location = resolveStateLocation(source.local, environment['TRUNKLINE_REMOTE'] || project.state.remote)
  const state = openStateStore({ location, cacheDirectory: home.stateCache(location.url), environment })
  const root = workingCopy.root ?? process.cwd()
  const artifacts = await openArtifacts(options, root)
  const actor = actorOf(workingCopy.user, environment)
  const targets = new Map<string, Promise<Target>>()
  const builder = lazyBuilder({ source, artifacts, home, environment, clock: systemClock, project, root })
  const world: World = {
    clock: systemClock,
    random: systemRandom,
    source,
    projectAt: options.projectAt,
    state,
    artifacts,
    builder,
    variables: createVariableSource({
      environment,
      root,
      openAws: (access) => openAwsFor(access, environment, project.name),
    }),
    probe: lazyProbe(),
    notifier: await openNotifier(options),
    target: (policy, name) => {
      const key = `${policy.name}/${name}`
      const known = targets.get(key) ?? openTargetOf(options, policy, name)
      targets.set(key, known)
      return known
    },
    environment,
    // By clone as well: what is kept names a commit that another one may lack.
    selections: selectionCache(home.selections, `${programFingerprint()}\0${source.local.commonDirectory}`),
    actor,
    holder: thisHolder(actor.name),
    // Only a neighbour on the same host, in the same process namespace, can be seen to be dead.
    isHolderDead: (holder) => livenessOf(holder) === 'dead',
    progress,
    boundary: () => {},
  }
  const findSigner = signerOf(options)
  const ledger = createLedger({ store: state, prefix: project.state.prefix, clock: systemClock, actor, findSigner })
  const concurrency = options.concurrency ?? (Number(environment['TRUNKLINE_CONCURRENCY']) || defaultConcurrency)
  const close = async () => {
    const opened = await Promise.allSettled(targets.values())
    await Promise.all([
      state.close(),
      builder.close(),
      ...opened.map((target) => (target.status === 'fulfilled' ? target.value.close?.() : undefined)),
    ])
  }
  return { engine: { world, ledger, concurrency }, state, close }
}

/** Looked for only where trunk lists whose signatures count. */
function signerOf({ source, environment }: WorldOptions): FindSigner {
  let found: Promise<Signer | null> | null = null
  const find = async (): Promise<Signer | null> => {
    const { openSigner, ownKeyFrom } = await import('../signing/index.ts')
    const named = ownKeyFrom(environment, (key) => configValue(source.local, key))
    return named === null ? null : await openSigner({ ...named, environment })
  }
  return () => {
    found ??= find()
    return found
  }
}

function openArtifacts({ project, home, environment }: WorldOptions, root: string): Promise<ArtifactStore> {
  const { aws } = project
  return openArtifactStore(project.artifacts, {
    defaultDirectory: home.artifacts(project.name),
    repositoryRoot: root,
    environment,
    services: Object.keys(project.services),
    openAws:
      aws === undefined ? null : (region = aws.region) => openAwsFor({ ...aws, region }, environment, project.name),
    ...(project.ecr && { ecr: project.ecr }),
  })
}

async function openAwsFor(access: AwsAccess, variables: NodeJS.ProcessEnv, user: string): Promise<Aws> {
  const { openAws } = await import('../aws/index.ts')
  return openAws(access, { variables, clock: systemClock, user })
}

function openTargetOf(
  { project, home, workingCopy, environment }: WorldOptions,
  policy: EnvironmentPolicy,
  name: string,
): Promise<Target> {
  const config = Object.hasOwn(policy.targets, name) ? policy.targets[name] : undefined
  if (config === undefined) {
    throw usageError('NO_TARGET', `environment ${policy.name} has no target${name === 'none' ? '' : ` ${name}`}`, {
      hint: `give it one in trunkline.yaml: target: { fleet: { hosts: [local] } }`,
    })
  }
  const root = workingCopy.root ?? process.cwd()
  const own = { project: project.name, environment: policy.name }
  return openTarget(config, { ...own, home, clock: systemClock, root, variables: environment, aws: policy.aws ?? null })
}

async function openNotifier({ project, environment }: WorldOptions): Promise<Notifier> {
  if (project.notify.length === 0) return silentNotifier
  const { createNotifier } = await import('../notifications/index.ts')
  return createNotifier({
    channels: project.notify,
    resolveSecret: (reference) => ('value' in reference ? reference.value : environment[reference.from] || null),
    clock: systemClock,
    people: project.people,
  })
}

const thisHolder = (name: string): LeaseHolder => ({
  id: randomBytes(8).toString('hex'),
  label: `${name} on ${hostname()} (pid ${process.pid})`,
  ...currentProcess(),
})
