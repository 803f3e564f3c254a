/** Which program of this machine builds from Dockerfiles. */
import { erroredError, usageError } from '../../model/index.ts'
import { runProcess } from '../../process/index.ts'

export type ContainerTool = {
  kind: 'docker' | 'podman' | 'buildah'
  /** As it says itself: `podman version 4.3.1`. */
  version: string
  /** Podman that works in a virtual machine (macOS) or elsewhere: its storage is not ours to choose. */
  isRemote: boolean
}

const kinds = ['docker', 'podman', 'buildah'] as const
/** Chooses one where several are there. */
export const toolVariable = 'TRUNKLINE_IMAGE_BUILDER'
const lookupTimeoutMs = 30_000

export type ToolSearch = { environment: NodeJS.ProcessEnv; signal: AbortSignal }

/**
 * The first that works: Docker with buildx, Podman, Buildah; or the one that `TRUNKLINE_IMAGE_BUILDER` names. Errored
 * `IMAGE_BUILDER_MISSING` where there is none, with what each lacks.
 */
export async function findContainerTool(search: ToolSearch): Promise<ContainerTool> {
  const lacks: string[] = []
  for (const kind of wanted(search.environment)) {
    const found = await examineTool(kind, search)
    if (typeof found !== 'string') return found
    lacks.push(found)
  }
  throw erroredError('IMAGE_BUILDER_MISSING', `nothing here builds images from a Dockerfile: ${lacks.join('; ')}`, {
    hint: 'install podman or buildah (apt-get install buildah), or Docker with its buildx plugin',
  })
}

function wanted({ [toolVariable]: named }: NodeJS.ProcessEnv): readonly ContainerTool['kind'][] {
  if (named === undefined || named === '') return kinds
  const kind = kinds.find((one) => one === named)
  if (kind !== undefined) return [kind]
  throw usageError('IMAGE_BUILDER', `${toolVariable} is ${JSON.stringify(named)}`, {
    hint: `it is one of ${kinds.join(', ')}, or not set: then the first that is there is used`,
  })
}

/** The tool, or what it lacks. */
async function examineTool(kind: ContainerTool['kind'], search: ToolSearch): Promise<ContainerTool | string> {
  const version = await answerOf([kind, '--version'], search)
  if (version === null) return `no ${kind}`
  const tool = { kind, version: version.split('\n')[0] ?? version, isRemote: false }
  if (kind === 'buildah') return tool
  if (kind === 'podman') {
    const isRemote = await answerOf(['podman', 'info', '--format', '{{.Host.ServiceIsRemote}}'], search)
    return isRemote === null ? 'podman does not work (podman info)' : { ...tool, isRemote: isRemote === 'true' }
  }
  if ((await answerOf(['docker', 'buildx', 'version'], search)) === null) return 'docker has no buildx'
  const server = await answerOf(['docker', 'version', '--format', '{{.Server.Version}}'], search)
  return server === null ? 'the Docker daemon does not answer' : tool
}

/** What a command says, one line; null where it cannot be run or fails. */
async function answerOf(argv: [string, ...string[]], { environment, signal }: ToolSearch): Promise<string | null> {
  const env = toolEnvironment(environment)
  const end = await runProcess({ argv, env, timeoutMs: lookupTimeoutMs, signal }).catch(() => {
    signal.throwIfAborted()
    return null
  })
  return end === null || end.kind !== 'exited' || end.exitCode !== 0 ? null : end.stdout.toString('utf8').trim()
}

const passed =
  /^(?:PATH|HOME|USER|LOGNAME|LANG|TMPDIR|XDG_\w+|DBUS_SESSION_BUS_ADDRESS|SSH_AUTH_SOCK|DOCKER_\w+|BUILDX_\w+|BUILDKIT_\w+|BUILDAH_\w+|PODMAN_\w+|CONTAINER_\w+|CONTAINERS_\w+|STORAGE_\w+|REGISTRY_AUTH_FILE|SSL_CERT_\w+|AWS_\w+|GOOGLE_\w+|(?:https?|no|all)_proxy)$/i

/**
 * What the tool sees of the caller: it is the person's own, with their storage and logins, and no part of the build.
 * None of it reaches what runs in the image, but for proxies.
 */
export function toolEnvironment(caller: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(caller).flatMap(([name, value]) =>
      value !== undefined && passed.test(name) ? [[name, value] as const] : [],
    ),
  )
}
