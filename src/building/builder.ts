/**
 * Runs what a commit brings. Every check, build and verification gets a directory of its own with just what it may see,
 * a fresh home, an allow-listed environment, and bounds; nothing of it is left when it is over.
 *
 * When this process is killed (SIGKILL), the kernel ends the running commands with it (see `endWithUs`); directories,
 * and processes that had left their group on purpose, are swept away by the next builder on this machine.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join, resolve, sep } from 'node:path'
import { digestOfBytes } from '../artifacts/digest.ts'
import type { Home } from '../home/index.ts'
import {
  type BuildEnvironment,
  cancelledError,
  type DockerfileRecipe,
  type EsbuildRecipe,
  passed,
  reason,
  type ServiceName,
  TrunklineError,
  type Verdict,
} from '../model/index.ts'
import type {
  ArtifactStore,
  Builder,
  BuildRequest,
  BuildResult,
  CheckoutRequest,
  CheckRequest,
  Clock,
  PackedArtifact,
  PrepareRequest,
  SourceRepository,
  WorkContext,
  WorkRequest,
} from '../ports/index.ts'
import { commandEnvironment, linkCaches, secretsOfEnvironment } from './build-environment.ts'
import { builderIdentity, builderPlatform } from './builder-identity.ts'
import { layDown } from './checkout.ts'
import { type CommandOutput, createCommandOutput } from './command-output.ts'
import { layDownNeeds } from './needs.ts'
import { type PackedRecipe, packArtifact } from './pack-artifact.ts'
import { createPreparer } from './prepare.ts'
import { createPreparedSnapshots, defaultSnapshotLimits, type SnapshotLimits } from './prepared-snapshots.ts'
import { type FailedVerdict, runCommand } from './run-command.ts'
import { createToolVerifier } from './tool-versions.ts'
import { createWorkDirectory, sweepWorkDirectories, type WorkDirectory } from './work-directory.ts'
import { worldFault } from './world-fault.ts'

/** What a builder reads of a repository. */
export type BuildSource = Pick<SourceRepository, 'tree' | 'readBlobs'>

export type BuilderOptions = {
  source: BuildSource
  /** Where artifacts named under `needs` come from. */
  artifacts: ArtifactStore
  home: Home
  /** Of the calling process; commands see an allow-listed part of it. */
  environment: NodeJS.ProcessEnv
  clock: Clock
  /** Output of one command; default 64 MiB. */
  maxOutputBytes?: number
  snapshotLimits?: SnapshotLimits
}

const defaultMaxOutputBytes = 64 * 1024 * 1024

/** One piece of work under way: its directory, how its commands see the world, where their output goes. */
type Workbench = { work: WorkDirectory; env: Record<string, string>; output: CommandOutput; signal: AbortSignal }

/** What commands are to see beside their files. */
type Surroundings = { env: BuildEnvironment; prepare: PrepareRequest | null }

export function createBuilder(options: BuilderOptions): Builder {
  const { source, artifacts, home, environment, clock } = options
  const { maxOutputBytes = defaultMaxOutputBytes, snapshotLimits = defaultSnapshotLimits } = options
  const caches = join(home.root, 'caches')
  const snapshots = createPreparedSnapshots({
    ...{ directory: home.prepared, workDirectory: home.work },
    now: () => clock.now(),
  })
  const preparer = createPreparer({
    ...{ source, snapshots, clock, caches, maxOutputBytes },
    ...{ limits: snapshotLimits, workDirectory: home.work },
  })
  const tools = createToolVerifier()
  const packedIn = new WeakMap<PackedArtifact, WorkDirectory>()
  let hasSwept = false

  async function openWorkbench(wanted: Surroundings, context: WorkContext): Promise<Workbench> {
    // Beside the work, not before it: what a crash left is in nobody's way.
    if (!hasSwept) sweepWorkDirectories(home.work, clock.now()).catch(() => {})
    hasSwept = true
    context.signal.throwIfAborted()
    const work = await createWorkDirectory(home.work)
    try {
      await linkCaches(work.home, caches)
      const env = commandEnvironment(environment, wanted.env, work)
      const prepareEnv = wanted.prepare ? commandEnvironment(environment, wanted.prepare.env, work) : {}
      const secrets = [...context.secrets, ...secretsOfEnvironment(env), ...secretsOfEnvironment(prepareEnv)]
      return { work, env, output: createCommandOutput(context.log, secrets), signal: context.signal }
    } catch (cause) {
      await work.remove()
      throw cause
    }
  }

  /** Works in a place of its own and leaves nothing of it, but for a result that is kept. */
  async function atWorkbench<Result>(
    wanted: Surroundings,
    context: WorkContext,
    work: (place: Workbench) => Promise<Result>,
    isKept: (result: Result) => boolean = () => false,
  ): Promise<Result> {
    let place: Workbench | undefined
    let keep = false
    try {
      place = await openWorkbench(wanted, context)
      const result = await work(place)
      keep = isKept(result)
      return result
    } catch (cause) {
      throw context.signal.aborted ? cancelledError() : cause
    } finally {
      if (!keep) await place?.work.remove()
    }
  }

  async function layDownPrepared(prepare: PrepareRequest | null, place: Workbench): Promise<Verdict> {
    if (prepare === null) return passed
    const { work, output, signal } = place
    const environmentIn = (other: WorkDirectory) => commandEnvironment(environment, prepare.env, other)
    return preparer.layDown(prepare, work.tree, { environmentIn, output, signal })
  }

  /** Everything a check or build starts from. */
  async function setUp(request: WorkRequest, place: Workbench, takesImages = false): Promise<Verdict> {
    const { work, env, signal } = place
    await tools.verify(request.tools, { directory: work.tree, env }, signal)
    const prepared = await layDownPrepared(request.prepare, place)
    if (!prepared.ok) return prepared
    await layDown({ source, files: request.files, directory: work.tree, kind: 'inputs', signal })
    await layDownNeeds(request.needs, { artifacts, directory: work.tree, takesImages, signal })
    return passed
  }

  const run = (line: string, title: string, timeoutMs: number, { work, env, output, signal }: Workbench) =>
    runCommand({ title, run: line, directory: work.tree, env, timeoutMs, maxOutputBytes }, output, signal)

  /** Runs and packs; what remains is the artifact's files, until `discard`. */
  async function build(request: BuildRequest, recipe: OwnRecipe, place: Workbench): Promise<BuildResult> {
    const startedAt = isoTime(clock)
    const verdict = await setUp(request, place, recipe.kind === 'dockerfile')
    if (!verdict.ok) return { kind: 'failed', verdict }
    if (request.run !== null) {
      const ran = await run(request.run, `build ${request.service}`, request.timeoutMs, place)
      if (!ran.ok) return { kind: 'failed', verdict: ran }
    }
    const { work } = place
    if (request.esbuild !== undefined) {
      const bundled = await bundle(request.esbuild, request, place)
      if (!bundled.ok) return { kind: 'failed', verdict: bundled }
    }
    const packed =
      recipe.kind === 'dockerfile'
        ? await buildImage(request, recipe, place)
        : await pack(recipe, place, {
            environment,
            ownRegistry: recipe.kind === 'image' ? registryOf(artifacts) : null,
          })
    if (packed.kind === 'failed') return packed
    await work.removeTree()
    packedIn.set(packed.artifact, work)
    return { kind: 'built', artifact: packed.artifact, startedAt, endedAt: isoTime(clock) }
  }

  async function bundle(recipe: EsbuildRecipe, { service, timeoutMs }: BuildRequest, place: Workbench) {
    const { runEsbuild } = await import('./esbuild/run-esbuild.ts')
    return runEsbuild(recipe, { ...place, service, timeoutMs, maxOutputBytes })
  }

  async function buildImage(request: BuildRequest, recipe: DockerfileRecipe, place: Workbench) {
    const { buildDockerfile } = await import('./images/build-dockerfile.ts')
    const { service, needs } = request
    const { work, output, signal } = place
    return buildDockerfile({
      ...{ service, recipe, needs, artifacts, work, output, signal, environment, maxOutputBytes },
      ...{ platform: builderPlatform(), layers: home.layers },
    })
  }

  return {
    identity: builderIdentity(environment),
    platform: builderPlatform(),

    check: (request: CheckRequest, context) =>
      atWorkbench(request, context, async (place) => {
        const ready = await setUp(request, place)
        if (!ready.ok) return ready
        return run(request.run, `check ${request.service}/${request.check}`, request.timeoutMs, place)
      }),

    async build(request, context) {
      const { recipe } = request
      if (recipe.kind === 'of') throw buildsNothing(request.service, recipe.service)
      // Of a Dockerfile's build, whose output would otherwise show them.
      const hidden = recipe.kind === 'dockerfile' ? secretValues(recipe, environment) : []
      return atWorkbench(
        request,
        { ...context, secrets: [...context.secrets, ...hidden] },
        (place) => build(request, recipe, place),
        (result) => result.kind === 'built',
      )
    },

    runInCheckout: (request: CheckoutRequest, context) =>
      atWorkbench({ env: { set: request.env, pass: [] }, prepare: request.prepare }, context, async (place) => {
        const prepared = await layDownPrepared(request.prepare, place)
        if (!prepared.ok) return prepared
        const { work, signal } = place
        const files = [...(await source.tree(request.commit))]
        await layDown({ source, files, directory: work.tree, kind: 'commit', signal })
        await layOver(work.tree, request.files ?? new Map())
        return run(request.run, request.name ?? 'verification', request.timeoutMs, place)
      }),

    async discard(artifact) {
      await packedIn.get(artifact)?.remove()
      packedIn.delete(artifact)
    },
  }
}

/** Files that come from elsewhere than the commit; each is a new one, whatever link stood in its place. */
async function layOver(directory: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  for (const [path, content] of files) {
    const place = resolve(directory, path)
    if (!place.startsWith(directory + sep)) throw new Error(`${path} lies outside the checkout`)
    await mkdir(dirname(place), { recursive: true })
    await rm(place, { force: true })
    await writeFile(place, content)
  }
}

/** Host of the registry that artifacts are kept in; null: another kind of store. */
const registryOf = (artifacts: ArtifactStore): string | null =>
  artifacts.imageReference(emptyDigest, '')?.split('/')[0] ?? null

/** Of no bytes: any would do where only the place is asked for. */
const emptyDigest = digestOfBytes(new Uint8Array())

type OwnRecipe = PackedRecipe | DockerfileRecipe

const secretValues = ({ secrets }: DockerfileRecipe, environment: NodeJS.ProcessEnv): string[] =>
  Object.values(secrets).flatMap(({ from }) => environment[from] ?? [])

type Packed = { kind: 'packed'; artifact: PackedArtifact } | { kind: 'failed'; verdict: FailedVerdict }

/** A recipe that does not fit what the build left (nothing matches, a link leads outside) is a verdict on the commit. */
async function pack(
  recipe: PackedRecipe,
  { work, output, signal }: Workbench,
  registries: { environment: NodeJS.ProcessEnv; ownRegistry: string | null },
): Promise<Packed> {
  const platform = builderPlatform()
  const place = { directory: work.tree, scratchDirectory: work.scratch, platform, signal, ...registries }
  try {
    return { kind: 'packed', artifact: await packArtifact(recipe, place) }
  } catch (cause) {
    if (!(cause instanceof TrunklineError) || cause.kind !== 'failed') throw worldFault(cause, 'pack the artifact')
    const evidence = cause.hint === undefined ? {} : { hint: cause.hint }
    const why = reason('packing-failed', output.mask(cause.message), evidence)
    return { kind: 'failed', verdict: { ok: false, reasons: [why], logTail: output.tail() } }
  }
}

const isoTime = (clock: Clock): string => new Date(clock.now()).toISOString()

const buildsNothing = (service: ServiceName, other: ServiceName) =>
  new Error(`${service} runs the artifact of ${other} and is not built itself`)
