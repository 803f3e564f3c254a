/** This program on this machine: its version, where its files are, and how its own processes are started. */
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
  router: { source: 'src/targets/fleet/router/main.ts', bundled: 'dist/router.js' },
  holder: { source: 'src/targets/fleet/router/holder-main.ts', bundled: 'dist/holder.js' },
} as const

export type ProgramEntry = keyof typeof entries

/** Program and arguments that start one of our processes with the Node that runs this one. */
export function programCommand(entry: ProgramEntry, ...parameters: readonly string[]): [string, ...string[]] {
  const { source, bundled } = entries[entry]
  const file = fileURLToPath(new URL(runsFromSources ? `../../${source}` : `../${bundled}`, import.meta.url))
  return [process.execPath, '--disable-warning=ExperimentalWarning', file, ...parameters]
}
