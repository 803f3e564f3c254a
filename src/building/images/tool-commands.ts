/** Command lines of container tools. Pure: what a person wrote is an argument of its own, never part of a shell's line. */
import type { Digest, DockerfileRecipe } from '../../model/index.ts'
import type { ContainerTool } from './container-tool.ts'

export type Argv = [string, ...string[]]

/** What a Dockerfile may build on besides its context. `source` is how the tool names it: a folder, or an image. */
export type NamedContext = { name: string; source: string }

export type ImageBuild = {
  recipe: DockerfileRecipe
  /** Of the build directory, absolute. */
  dockerfile: string
  context: string
  /** `linux/amd64` */
  platform: string
  contexts: readonly NamedContext[]
  /** Id of a secret to the variable of the tool's environment that holds it. */
  secrets: Readonly<Record<string, string>>
  /** Receives the image as an OCI layout. */
  output: string
  /** Receives the image's id (Podman, Buildah). */
  idFile: string
  /** Where Podman and Buildah keep layers between builds; null: where they are told to. */
  storage: LayerStorage | null
}

export type LayerStorage = { root: string; runRoot: string }

/** An image in an OCI layout, as BuildKit names it. */
export const layoutSource = (layout: string, digest: Digest): string => `oci-layout://${layout}@${digest}`

/** Brings an image in a tar of an OCI layout to Podman or Buildah: they take a path as a name, which has no capitals. */
export const importCommand = (tool: ContainerTool, storage: LayerStorage | null, archive: string): Argv =>
  tool.kind === 'podman'
    ? ['podman', ...storageOptions(storage), 'load', '--quiet', '--input', archive]
    : ['buildah', ...storageOptions(storage), 'pull', '--quiet', `oci-archive:${archive}`]

/** The image that `importCommand` brought; null where its output tells of none. */
export function importedSource(output: string): string | null {
  const id = /(?:^|sha256:)([0-9a-f]{64})\s*$/m.exec(output)?.[1]
  return id === undefined ? null : `container-image://${id}`
}

/** The builder of Docker that writes OCI layouts: its default one cannot. `BUILDX_BUILDER` names another. */
export const buildxBuilder = 'trunkline'

export const inspectBuildxBuilder = (): Argv => ['docker', 'buildx', 'inspect', buildxBuilder]
export const createBuildxBuilder = (): Argv => [
  ...(['docker', 'buildx', 'create'] as const),
  ...['--name', buildxBuilder, '--driver', 'docker-container'],
]

/** Commands that build and write the image out, one after the other. `id` is what the first wrote into `idFile`. */
export function buildCommand(tool: ContainerTool, build: ImageBuild, environment: NodeJS.ProcessEnv): Argv {
  switch (tool.kind) {
    case 'docker':
      return dockerBuild(build, environment)
    case 'podman':
      return ['podman', ...storageOptions(build.storage), 'build', ...containersBuild(build)]
    case 'buildah':
      return ['buildah', ...storageOptions(build.storage), 'build', ...containersBuild(build)]
  }
}

/** Writes a built image as an OCI layout; null where building did. */
export function exportCommand(tool: ContainerTool, build: ImageBuild, id: string): Argv | null {
  switch (tool.kind) {
    case 'docker':
      return null
    case 'podman':
      return [
        'podman',
        ...storageOptions(build.storage),
        ...['save', '--quiet', '--format', 'oci-dir'],
        ...['-o', build.output, id],
      ]
    case 'buildah':
      return ['buildah', ...storageOptions(build.storage), 'push', '--quiet', id, `oci:${build.output}`]
  }
}

function dockerBuild(build: ImageBuild, environment: NodeJS.ProcessEnv): Argv {
  const { recipe, platform, dockerfile, context, output } = build
  return [
    ...(['docker', 'buildx', 'build'] as const),
    ...(environment['BUILDX_BUILDER'] ? [] : ['--builder', buildxBuilder]),
    ...['--progress', 'plain', '--platform', platform, '--file', dockerfile],
    // Both are told by Trunkline, over the whole of a build; in an image they vary from build to build.
    ...['--provenance=false', '--sbom=false'],
    // Times of files and of the image: the same for everyone who builds it.
    ...['--build-arg', 'SOURCE_DATE_EPOCH=0'],
    ...['--output', `type=oci,tar=false,rewrite-timestamp=true,dest=${output}`],
    ...commonOptions(recipe),
    ...contextOptions(build.contexts),
    ...secretOptions(build.secrets),
    context,
  ]
}

function containersBuild(build: ImageBuild): string[] {
  const { recipe, platform, dockerfile, context, idFile } = build
  return [
    ...['--layers', '--format', 'oci', '--platform', platform, '--file', dockerfile, '--iidfile', idFile],
    // Times of files and of the image, and no version of the tool in it: the same for everyone who builds it.
    ...['--timestamp', '0', '--identity-label=false'],
    ...commonOptions(recipe),
    ...contextOptions(build.contexts),
    ...secretOptions(build.secrets),
    context,
  ]
}

const commonOptions = ({ target, args }: DockerfileRecipe): string[] => [
  ...(target === null ? [] : ['--target', target]),
  ...Object.entries(args).flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]),
]

const contextOptions = (contexts: readonly NamedContext[]): string[] =>
  contexts.flatMap(({ name, source }) => ['--build-context', `${name}=${source}`])

/** By the tool's own environment: a value is on no command line, in no file and in no layer. */
const secretOptions = (secrets: Readonly<Record<string, string>>): string[] =>
  Object.entries(secrets).flatMap(([id, variable]) => ['--secret', `type=env,id=${id},env=${variable}`])

const storageOptions = (storage: LayerStorage | null): string[] =>
  storage === null ? [] : ['--root', storage.root, '--runroot', storage.runRoot]

/** Takes everything out of a storage folder that a plain deletion could not: mounts, files of other users. */
export function emptyStorage(tool: ContainerTool, storage: LayerStorage): Argv[] {
  const options = storageOptions(storage)
  if (tool.kind === 'podman') {
    return [
      ['podman', ...options, 'system', 'prune', '--all', '--force'],
      ['podman', ...options, 'rmi', '--all', '--force'],
    ]
  }
  return [
    ['buildah', ...options, 'rm', '--all'],
    ['buildah', ...options, 'rmi', '--all', '--force'],
  ]
}
