/** Where the agent of one host keeps its things. Nothing of it is shared with another host. */
import { chmodSync, lstatSync, mkdirSync, type Stats, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { sha256 } from '../../../hashing/index.ts'
import { erroredError } from '../../../model/index.ts'
import { longestSocketPath } from '../router/protocol.ts'

export type FleetPaths = {
  root: string
  /** Tells this fleet's processes from those of any other on the same host. */
  fleetId: string
  socket: string
  lock: string
  log: string
  key: string
  epochs: string
  artifacts: string
  blobs: string
  services: string
  instances: string
  jobs: string
  /** What services that are deployed in place have installed. */
  lifecycles: string
  /** The router's folder: its own state and its socket. */
  router: string
  /** Where sockets are that do not fit beside the rest: in a place where everybody may write. */
  shared: string
}

/** `sun_path` holds 104 bytes on macOS and 108 on Linux, the closing zero included. */
const maxSocketPathBytes = 103

export function fleetPathsAt(fleetRoot: string): FleetPaths {
  const root = resolve(fleetRoot)
  const fleetId = sha256(root).slice(0, 16)
  return {
    root,
    fleetId,
    socket: socketPath(root, fleetId),
    lock: join(root, 'agent.lock'),
    log: join(root, 'agent.log'),
    key: join(root, 'fingerprint.key'),
    epochs: join(root, 'epochs.json'),
    artifacts: join(root, 'artifacts'),
    blobs: join(root, 'incoming'),
    services: join(root, 'services'),
    instances: join(root, 'instances'),
    jobs: join(root, 'jobs'),
    lifecycles: join(root, 'lifecycles'),
    router: routerFolder(root, fleetId),
    shared: sharedFolder(),
  }
}

function socketPath(root: string, fleetId: string): string {
  const beside = join(root, 'agent.sock')
  return fitsSocket(beside) ? beside : join(sharedFolder(), `${fleetId}.sock`)
}

const fitsSocket = (path: string): boolean => Buffer.byteLength(path) <= maxSocketPathBytes

/** Not under `TMPDIR`: every controller of this user must come to the same path, whatever its environment. */
const sharedFolder = (): string => join('/tmp', `trunkline-${process.getuid?.() ?? 0}`)

function routerFolder(root: string, fleetId: string): string {
  const beside = join(root, 'router')
  // Its state is no loss there: the agent remembers every port and tells a router that does not.
  return fitsSocket(longestSocketPath(beside)) ? beside : join(sharedFolder(), `${fleetId}-router`)
}

/** Makes the folders, private to this user. Errored `FLEET_FOLDER` where the socket's folder belongs to someone else. */
export function makeFleetFolders(paths: FleetPaths): void {
  refuseForeignFolder(paths)
  const { root, artifacts, blobs, services, instances, jobs, lifecycles, router } = paths
  const folders = [
    root,
    artifacts,
    blobs,
    services,
    instances,
    jobs,
    lifecycles,
    dirname(paths.socket),
    dirname(router),
    router,
  ]
  for (const folder of folders) makePrivate(folder)
}

/**
 * Whoever listens in the shared folder is told secrets, and what is put there is written: a folder that somebody else
 * has made first, or a link to anywhere, is not used. In a folder of our own nobody else can put anything.
 * Errored `FLEET_FOLDER`.
 */
export function refuseForeignFolder({ shared, socket, router }: FleetPaths): void {
  if (dirname(socket) !== shared && dirname(router) !== shared) return
  const stat = lstatSync(shared, { throwIfNoEntry: false })
  if (stat === undefined || (stat.isDirectory() && isOurs(stat))) return
  const what = stat.isSymbolicLink() ? 'is a link' : stat.isDirectory() ? 'belongs to another user' : 'is no folder'
  throw foreignFolder(`${shared} ${what}`)
}

const isOurs = ({ uid }: Stats): boolean => process.getuid === undefined || uid === process.getuid()

const foreignFolder = (message: string) =>
  erroredError('FLEET_FOLDER', message, { hint: 'Set TRUNKLINE_HOME to a folder of your own, with a short path.' })

function makePrivate(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const stat = statSync(folder)
  if (!isOurs(stat)) throw foreignFolder(`${folder} belongs to another user`)
  if ((stat.mode & 0o077) !== 0) chmodSync(folder, 0o700)
}
