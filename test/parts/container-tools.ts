/** Which programs build container images on this machine, and a storage of their own that a test leaves nothing of. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findProgram, missingPart } from './local-server.ts'

export const containerTools = ['podman', 'buildah'] as const
export type ContainerTool = (typeof containerTools)[number]

/** For `test({ skip })`. */
export const containerToolMissing = (tool: ContainerTool, environment = process.env): string | false =>
  missingPart(findProgram(tool, environment), `${tool} is not installed (apt-get install ${tool})`, environment)

/** A static shell and its tools in one file: what a `RUN` step needs in an image made from scratch. */
export const staticShell = (environment = process.env): string | null =>
  findProgram('busybox', environment, ['/bin', '/usr/bin'])

export const staticShellMissing = (environment = process.env): string | false =>
  missingPart(staticShell(environment), 'busybox is not installed (apt-get install busybox-static)', environment)

export type ContainerStorage = {
  /** Laid over the environment of podman, buildah, or of what calls them. */
  readonly environment: Record<string, string>
  readonly folder: string
  stop(): void
}

/**
 * Images, caches and run-time files in one temporary folder. `RUN` steps change the root alone (a container of its own
 * asks for rights that root in a sandbox lacks), and files are copied from layer to layer, which needs no mount that
 * would be left behind.
 */
export function createContainerStorage(registries: readonly string[] = []): ContainerStorage {
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-containers-'))
  const place = (name: string) => {
    const path = join(folder, name)
    mkdirSync(path)
    return path
  }
  const write = (name: string, lines: readonly string[]) => {
    const path = join(folder, name)
    writeFileSync(path, [...lines, ''].join('\n'))
    return path
  }
  const quoted = (path: string) => JSON.stringify(path)
  const temporary = place('tmp')
  const storage = ['[storage]', 'driver = "vfs"']
  const places = [`graphroot = ${quoted(place('graph'))}`, `runroot = ${quoted(place('run'))}`]
  const engine = ['[engine]', 'cgroup_manager = "cgroupfs"', 'events_logger = "file"']
  const trusted = registries.flatMap((host) => ['[[registry]]', `location = ${quoted(host)}`, 'insecure = true'])
  const environment = {
    CONTAINERS_STORAGE_CONF: write('storage.conf', [...storage, ...places]),
    CONTAINERS_CONF: write('containers.conf', [...engine, `tmp_dir = ${quoted(temporary)}`]),
    CONTAINERS_REGISTRIES_CONF: write('registries.conf', trusted),
    BUILDAH_ISOLATION: 'chroot',
    XDG_RUNTIME_DIR: place('runtime'),
    REGISTRY_AUTH_FILE: write('auth.json', ['{}']),
    TMPDIR: temporary,
  }
  const dropFolder = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', dropFolder)
  return {
    environment,
    folder,
    stop() {
      process.removeListener('exit', dropFolder)
      dropFolder()
    },
  }
}
