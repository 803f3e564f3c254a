/**
 * Bundles with the esbuild that the build has in its own `node_modules`: what `prepare` installed by the lockfile, so that
 * its version counts into the input hash. None is fetched, and none of the machine is taken.
 */
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import {
  type EsbuildRecipe,
  erroredError,
  passed,
  type Reason,
  reason,
  type ServiceName,
  type Verdict,
} from '../../model/index.ts'
import type { CommandOutput } from '../command-output.ts'
import { type FailedVerdict, runProgram } from '../run-command.ts'
import type { WorkDirectory } from '../work-directory.ts'
import { esbuildArguments } from './arguments.ts'
import { createComplaints } from './complaints.ts'
import { bundledFromOutside, type Metafile, parseMetafile } from './metafile.ts'

export type EsbuildBench = {
  service: ServiceName
  work: Pick<WorkDirectory, 'root' | 'tree' | 'scratch'>
  env: Record<string, string>
  output: CommandOutput
  signal: AbortSignal
  timeoutMs: number
  maxOutputBytes: number
}

/** A verdict on the commit: it alone says which esbuild there is, and what it sees. */
export async function runEsbuild(recipe: EsbuildRecipe, bench: EsbuildBench): Promise<Verdict> {
  const { service, work, env, output, signal, timeoutMs, maxOutputBytes } = bench
  const program = findEsbuild(work.tree, recipe)
  if (program === null) return red(bench, [noEsbuild(service)])
  await closeOff(work)
  const metafile = join(work.scratch, 'esbuild.json')
  const complaints = createComplaints(service)
  const listening: CommandOutput = {
    ...output,
    line(text) {
      complaints.line(text)
      output.line(text)
    },
  }
  const argv = [program, ...esbuildArguments(recipe, metafile)] as const
  const bounds = { title: `esbuild of ${service}`, directory: work.tree, env, timeoutMs, maxOutputBytes }
  const ran = await runProgram({ ...bounds, argv }, listening, signal)
  if (!ran.ok) return { ...ran, reasons: [...complaints.reasons(), ...ran.reasons] }
  // What it only warns of, and makes something else of the same files.
  const warned = complaints.reasons()
  if (warned.length > 0) return red(bench, warned)
  const outside = bundledFromOutside(await readMetafile(metafile))
  return outside.length === 0 ? passed : red(bench, [fromOutside(outside, service)])
}

/** In the nearest folder above the entries that has one, as Node would find it. */
function findEsbuild(tree: string, { entries }: EsbuildRecipe): string | null {
  const [entry = ''] = Object.values(entries)
  for (let folder = posix.dirname(entry); ; folder = posix.dirname(folder)) {
    const program = join(tree, folder, 'node_modules', '.bin', 'esbuild')
    if (existsSync(program)) return program
    if (folder === '.') return null
  }
}

/** esbuild looks for both above the build directory, too, where they would be this machine's. */
async function closeOff({ root }: EsbuildBench['work']): Promise<void> {
  for (const name of ['tsconfig.json', 'package.json']) await writeFile(join(root, name), '{}')
}

async function readMetafile(path: string): Promise<Metafile> {
  try {
    return parseMetafile(await readFile(path, 'utf8'))
  } catch (cause) {
    throw erroredError('ESBUILD_METAFILE', 'esbuild did not say what it bundled', {
      hint: 'is `node_modules/.bin/esbuild` the real one?',
      cause,
    })
  }
}

const red = ({ output }: EsbuildBench, reasons: Reason[]): FailedVerdict => ({
  ok: false,
  reasons,
  logTail: output.tail(),
})

const noEsbuild = (service: ServiceName): Reason =>
  reason('esbuild-missing', `the build of ${service} has no esbuild: there is none in node_modules/.bin`, {
    hint: 'add esbuild to devDependencies, and let `prepare` install them: `prepare: { run: npm ci, inputs: [package.json, package-lock.json] }`',
  })

const maxNamed = 3

function fromOutside(paths: readonly string[], service: ServiceName): Reason {
  const named = paths.slice(0, maxNamed).join(', ')
  const more = paths.length > maxNamed ? ` and ${paths.length - maxNamed} more` : ''
  return reason('bundled-from-outside', `what was bundled for ${service} is not all from its inputs: ${named}${more}`, {
    hint: 'a folder above the build directory has a node_modules: install with `prepare` what is imported, or name it under `external`',
  })
}
