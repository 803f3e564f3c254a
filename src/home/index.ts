/** Trunkline's own folder on this machine (`TRUNKLINE_HOME`, default `~/.trunkline`). All but `artifacts/` and `fleet/` may be deleted at any time. */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { sha256 } from '../hashing/index.ts'

export type Home = {
  root: string
  /** Bare cache of one state location. */
  stateCache(location: string): string
  /** Bare caches of commits that a clone lacks. */
  sources: string
  /** Projects that were read before, by the digest of their text. */
  projects: string
  /** What was found out about inputs, for the next command. */
  selections: string
  /** Default OCI layout of one project. */
  artifacts(project: string): string
  /** Snapshots of `prepare`, by hash. */
  prepared: string
  /** Clean directories of builds under way. */
  work: string
  /** Layers that container tools keep between builds from Dockerfiles. */
  layers: string
  /** Everything of the fleet agent on this host. */
  fleet: string
}

export function homeAt(environment: NodeJS.ProcessEnv): Home {
  const root = environment['TRUNKLINE_HOME'] || join(homedir(), '.trunkline')
  return {
    root,
    stateCache: (location) => join(root, 'state', `${sha256(location).slice(0, 16)}.git`),
    sources: join(root, 'sources'),
    projects: join(root, 'projects'),
    selections: join(root, 'selections'),
    artifacts: (project) => join(root, 'artifacts', project),
    prepared: join(root, 'prepared'),
    work: join(root, 'work'),
    layers: join(root, 'layers'),
    fleet: join(root, 'fleet'),
  }
}
