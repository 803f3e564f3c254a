/** This program on this machine: its version, where its files are, and how its own processes are started. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import manifest from '../../package.json' with { type: 'json' }

export const programVersion: string = manifest.version

/** From a checkout the sources run as they are; what is published is JavaScript, flat in `dist/`. */
const runsFromSources = import.meta.url.endsWith('.ts')

/** The folder of the checkout, or of the installed package. */
export const programFolder: string = fileURLToPath(new URL(runsFromSources ? '../..' : '..', import.meta.url))

/** What is started as a process of its own: its source, and its name in `dist/`. */
const entries = {
  agent: { source: 'src/targets/fleet/agent/start.ts', bundled: 'dist/agent.js' },
  /** What a controller starts on a host over SSH. */
  bridge: { source: 'src/targets/fleet/agent/bridge.ts', bundled: 'dist/bridge.js' },
  /** Deploys a revision in place, as its `appspec.yml` says. */
  lifecycle: { source: 'src/targets/fleet/lifecycle/main.ts', bundled: 'dist/lifecycle.js' },
  router: { source: 'src/targets/fleet/router/main.ts', bundled: 'dist/router.js' },
  holder: { source: 'src/targets/fleet/router/holder-main.ts', bundled: 'dist/holder.js' },
} as const

export type ProgramEntry = keyof typeof entries

/** What Node is told before the file. */
export const programFlags: readonly string[] = ['--disable-warning=ExperimentalWarning']

/** For who is there all the time and does little: a small young generation keeps what passes through from piling up. */
const thriftyFlags: readonly string[] = ['--max-semi-space-size=1']

/** Where the file of one of our processes is in `programFolder`. */
export const programPath = (entry: ProgramEntry): string => entries[entry][runsFromSources ? 'source' : 'bundled']

/**
 * For who stands between a client and its answer. Collections are many, short and its own thread's work: one that waits
 * for helper threads waits as long as the system leaves those out. What was learned of the code is kept while it idles.
 */
const steadyFlags: readonly string[] = [
  '--max-semi-space-size=4',
  '--single-threaded-gc',
  '--no-flush-bytecode',
  '--v8-pool-size=1',
]

const flagsOf: Partial<Record<ProgramEntry, readonly string[]>> = { agent: thriftyFlags, router: steadyFlags }

/** The files of all of our processes. */
export const programPaths = (): string[] => (Object.keys(entries) as ProgramEntry[]).map(programPath)

/**
 * What our own long-lived processes keep of an environment beside their clean one: where Node remembers code that it has
 * stripped of types and compiled. From sources that is more than half of a start. Never handed on to what they run.
 */
export function programEnvironment(environment: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const cache = environment['NODE_COMPILE_CACHE']
  return cache ? { NODE_COMPILE_CACHE: cache } : {}
}

/** Program and arguments that start one of our processes with the Node that runs this one. */
export function programCommand(entry: ProgramEntry, ...parameters: readonly string[]): [string, ...string[]] {
  const flags = [...programFlags, ...(flagsOf[entry] ?? [])]
  return [process.execPath, ...flags, join(programFolder, programPath(entry)), ...parameters]
}
