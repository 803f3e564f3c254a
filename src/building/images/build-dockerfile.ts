/**
 * Builds the image of a Dockerfile with a container tool of this machine, and makes an artifact of what it wrote. The
 * context is the clean build directory; nothing is pushed anywhere, nothing is left in the tool but its layer cache.
 */
import { mkdir, readFile, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { readExportedImage } from '../../artifacts/image/exported-image.ts'
import { packIndex } from '../../artifacts/image/image-index.ts'
import { formatPlatform, parsePlatform, platformOfBuilder } from '../../artifacts/image/platform.ts'
import { archiveFolder } from '../../artifacts/packing/archive-folder.ts'
import {
  type Digest,
  type DockerfileRecipe,
  erroredError,
  passed,
  reason,
  type ServiceName,
  type Verdict,
} from '../../model/index.ts'
import type { ArtifactStore, PackedArtifact } from '../../ports/index.ts'
import { runProcess } from '../../process/index.ts'
import type { CommandOutput } from '../command-output.ts'
import { refuteByNetwork } from '../network-fault.ts'
import { type FailedVerdict, runProgram } from '../run-command.ts'
import type { WorkDirectory } from '../work-directory.ts'
import { type ContainerTool, findContainerTool, toolEnvironment } from './container-tool.ts'
import { defaultMaxLayerBytes, openLayerStorage } from './layer-storage.ts'
import { findLeak } from './leaked-secrets.ts'
import { namedContexts } from './needed-images.ts'
import {
  buildCommand,
  createBuildxBuilder,
  exportCommand,
  type ImageBuild,
  importCommand,
  importedSource,
  inspectBuildxBuilder,
  type LayerStorage,
  layoutSource,
} from './tool-commands.ts'

export type DockerfileRequest = {
  service: ServiceName
  recipe: DockerfileRecipe
  needs: Readonly<Record<ServiceName, Digest>>
  artifacts: ArtifactStore
  work: WorkDirectory
  /** Of the caller: the tool, its logins, the secrets that the recipe names. */
  environment: NodeJS.ProcessEnv
  /** Of this machine: `linux/x64`. */
  platform: string
  /** Where layers are kept between builds. */
  layers: string
  maxOutputBytes: number
  output: CommandOutput
  signal: AbortSignal
}

export type BuiltImage = { kind: 'packed'; artifact: PackedArtifact } | { kind: 'failed'; verdict: FailedVerdict }

/** A Dockerfile that does not build is a verdict; a machine without a tool, or without a network, is errored. */
export async function buildDockerfile(request: DockerfileRequest): Promise<BuiltImage> {
  const { recipe, environment, signal } = request
  const tool = await findContainerTool({ environment, signal })
  request.output.note(`building ${recipe.dockerfile} with ${tool.version}`)
  if (tool.kind === 'docker') await makeBuildxBuilder(request)
  const platforms =
    recipe.platforms.length > 0 ? recipe.platforms : [formatPlatform(platformOfBuilder(request.platform))]
  const images = []
  for (const platform of platforms) {
    const built = await buildFor(platform, tool, request)
    if (built.kind === 'failed') return built
    images.push({ platform: parsePlatform(platform), image: built.artifact })
  }
  const [only] = images
  return { kind: 'packed', artifact: only !== undefined && images.length === 1 ? only.image : packIndex(images) }
}

async function buildFor(platform: string, tool: ContainerTool, request: DockerfileRequest): Promise<BuiltImage> {
  const { recipe, work, environment, signal } = request
  const { artifacts, needs } = request
  const place = join(work.scratch, platform.replaceAll('/', '-'))
  await mkdir(place)
  const secrets = secretsOf(recipe, environment)
  const keepsLayersHere = tool.kind !== 'docker' && !tool.isRemote
  const storage = keepsLayersHere
    ? await openLayerStorage({
        ...{ directory: request.layers, tool, platform, maxBytes: defaultMaxLayerBytes },
        ...{ environment, signal },
      })
    : null
  try {
    const contexts = await namedContexts(needs, {
      ...{ artifacts, directory: work.tree, scratch: place, platform, signal },
      bring: (layout, digest) => bringImage({ tool, storage, layout, digest }, request),
    })
    const build: ImageBuild = {
      ...{ recipe, platform, contexts, storage },
      dockerfile: join(work.tree, recipe.dockerfile),
      context: join(work.tree, recipe.context),
      secrets: secrets.variables,
      output: join(place, 'layout'),
      idFile: join(place, 'id'),
    }
    const verdict = await runTool(tool, build, secrets.environment, request)
    if (!verdict.ok) return { kind: 'failed', verdict }
    const artifact = await readExportedImage(build.output)
    const leak = await findLeak(artifact, secrets.values, signal)
    return leak === null ? { kind: 'packed', artifact } : { kind: 'failed', verdict: leaked(leak, recipe) }
  } finally {
    await storage?.close()
  }
}

async function runTool(
  tool: ContainerTool,
  build: ImageBuild,
  secrets: Record<string, string>,
  request: DockerfileRequest,
): Promise<Verdict> {
  const { service, recipe, environment, work, maxOutputBytes, output, signal } = request
  const program = {
    title: `the image of ${service} for ${build.platform}`,
    directory: work.tree,
    // Its own temporary files go with the build.
    env: { ...toolEnvironment(environment), TMPDIR: await realpath(work.temporary), ...secrets },
    timeoutMs: recipe.timeoutMs,
    maxOutputBytes,
  }
  const built = await runProgram({ ...program, argv: buildCommand(tool, build, environment) }, output, signal)
  if (!built.ok) return refuted(built, tool)
  const id = tool.kind === 'docker' ? '' : (await readFile(build.idFile, 'utf8')).trim()
  const argv = exportCommand(tool, build, id)
  if (argv === null) return passed
  const exported = await runProgram({ ...program, title: `writing ${program.title}`, argv }, output, signal)
  if (exported.ok) return passed
  throw erroredError('IMAGE_EXPORT', `${tool.kind} built the image of ${service} and did not write it`, {
    hint: output.tail().at(-1) ?? 'run it by hand',
  })
}

type BroughtImage = { tool: ContainerTool; storage: LayerStorage | null; layout: string; digest: Digest }

/** Hands the image of another service to the tool; answers how the tool names it. */
async function bringImage(image: BroughtImage, { environment, work, signal }: DockerfileRequest): Promise<string> {
  const { tool, storage, layout, digest } = image
  // BuildKit reads layouts itself, and the folder must stay until it has.
  if (tool.kind === 'docker') return layoutSource(layout, digest)
  const archive = `${layout}.tar`
  await archiveFolder(layout, archive, signal)
  const end = await runProcess({
    argv: importCommand(tool, storage, archive),
    env: { ...toolEnvironment(environment), TMPDIR: await realpath(work.temporary) },
    timeoutMs: importTimeoutMs,
    signal,
  })
  await rm(archive, { force: true })
  const source = end.exitCode === 0 ? importedSource(end.stdout.toString('utf8')) : null
  if (source !== null) return source
  throw erroredError(
    'IMAGE_BUILDER',
    `${tool.kind} does not take an image that is built on: ${end.stderr.trim().slice(-300)}`,
  )
}

/** What a machine says that cannot run builds, whatever the Dockerfile. */
const toolTrouble =
  /did not get container create message|newuidmap|Cannot connect to the Docker daemon|is the docker daemon running|error (?:creating|mounting) overlay|cannot (?:clone|set user namespace): |exec format error/i

/** A verdict only where the Dockerfile is to blame. */
function refuted(verdict: FailedVerdict, tool: ContainerTool): FailedVerdict {
  refuteByNetwork(verdict, 'IMAGE_BUILD_NETWORK', 'the image build')
  const line = verdict.logTail?.findLast((text) => toolTrouble.test(text))
  if (line === undefined) return verdict
  throw erroredError('IMAGE_BUILDER', `${tool.kind} cannot build here: ${line.trim()}`, {
    hint: line.includes('exec format error')
      ? 'what runs in a Dockerfile for another platform needs its emulation (qemu-user-static)'
      : 'within a container BUILDAH_ISOLATION=chroot helps, and STORAGE_DRIVER=vfs where overlays cannot be mounted',
  })
}

type Secrets = {
  /** By id. */
  variables: Record<string, string>
  environment: Record<string, string>
  values: string[]
}

/** Values of the recipe's secrets; errored `BUILD_SECRET_MISSING`. */
export function secretsOf({ secrets }: DockerfileRecipe, environment: NodeJS.ProcessEnv): Secrets {
  const found: Secrets = { variables: {}, environment: {}, values: [] }
  for (const [id, { from }] of Object.entries(secrets)) {
    const value = environment[from]
    if (value === undefined || value === '') {
      throw erroredError('BUILD_SECRET_MISSING', `the build secret ${id} is read from ${from}, which is not set here`, {
        hint: `set ${from} where Trunkline delivers`,
      })
    }
    const variable = `TRUNKLINE_BUILD_SECRET_${found.values.length}`
    found.variables[id] = variable
    found.environment[variable] = value
    found.values.push(value)
  }
  return found
}

const leaked = (place: string, { dockerfile }: DockerfileRecipe): FailedVerdict => ({
  ok: false,
  reasons: [
    reason('secret-in-image', `${dockerfile} leaves a build secret in ${place}`, {
      hint: 'use it only within the RUN that mounts it, and write it to no file; change the secret if it left this machine',
    }),
  ],
})

const importTimeoutMs = 10 * 60_000
const builderTimeoutMs = 120_000

/** Made once on a machine; its layer cache is bounded by BuildKit itself. */
async function makeBuildxBuilder({ environment, signal }: DockerfileRequest): Promise<void> {
  if (environment['BUILDX_BUILDER']) return
  const options = { env: toolEnvironment(environment), timeoutMs: builderTimeoutMs, signal }
  const inspected = await runProcess({ ...options, argv: inspectBuildxBuilder() })
  if (inspected.exitCode === 0) return
  const created = await runProcess({ ...options, argv: createBuildxBuilder() })
  if (created.exitCode === 0 || /existing instance/i.test(created.stderr)) return
  throw erroredError('IMAGE_BUILDER', `docker buildx makes no builder: ${created.stderr.trim().slice(-300)}`, {
    hint: 'run `docker buildx create --driver docker-container` by hand, or name a builder by BUILDX_BUILDER',
  })
}
