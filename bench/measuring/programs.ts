/** The programs that are measured: Trunkline in both of its forms, and peers, installed on demand outside the work tree. */
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A command line's beginning, or why there is none. */
export type Program = { name: string; argv: readonly [string, ...string[]] } | { name: string; missing: string }

const root = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Trunkline as a checkout runs it, and as it is published. What is in `dist/` is built anew where it is older than the
 * sources: the two are measured on the same state, which one of an earlier day need not be able to read.
 */
export function trunklinePrograms(): Program[] {
  const bundle = join(root, 'dist/trunkline.js')
  if (existsSync(bundle) && changedAt(bundle) < newestSource())
    install(process.execPath, ['scripts/bundle.ts'], {}, root)
  return [
    {
      name: 'trunkline (sources)',
      argv: [process.execPath, '--disable-warning=ExperimentalWarning', join(root, 'bin/trunkline.js')],
    },
    existsSync(bundle)
      ? { name: 'trunkline (bundle)', argv: [process.execPath, bundle] }
      : { name: 'trunkline (bundle)', missing: 'not built: npm run build' },
  ]
}

const cacheFolder = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'trunkline-bench')

/** A program of an npm package, as its own `bin` names it. */
export function npmProgram(name: string, packageName: string, file: string): Program {
  const folder = join(cacheFolder, 'npm')
  const path = join(folder, 'node_modules', file)
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true })
    if (!existsSync(join(folder, 'package.json'))) writeFileSync(join(folder, 'package.json'), '{"private":true}')
    install('npm', ['install', '--no-audit', '--no-fund', '--prefix', folder, packageName])
  }
  return existsSync(path) ? { name, argv: [path] } : { name, missing: `npm install ${packageName} did not bring it` }
}

/** Where packages of `npmProgram` are, for tools that look for themselves beside a workspace. */
export const npmModules = join(cacheFolder, 'npm/node_modules')

export function goProgram(name: string, module: string): Program {
  const folder = join(cacheFolder, 'bin')
  const path = join(folder, name)
  if (!existsSync(path)) install('go', ['install', module], { GOBIN: folder })
  return existsSync(path) ? { name, argv: [path] } : { name, missing: `go install ${module} did not bring it` }
}

/** A program of this machine; what installs it is for its administrator to run. */
export function systemProgram(name: string, advice: string): Program {
  const found = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name))
  const path = found.find((candidate) => existsSync(candidate))
  return path === undefined ? { name, missing: `not installed: ${advice}` } : { name, argv: [path] }
}

const changedAt = (path: string): number => statSync(path).mtimeMs

const newestSource = (): number =>
  Math.max(
    ...globSync(['src/**/*.ts', 'scripts/bundle*', 'scripts/bundle/*'], { cwd: root }).map((file) =>
      changedAt(join(root, file)),
    ),
  )

function install(
  command: string,
  argv: readonly string[],
  environment: Record<string, string> = {},
  cwd?: string,
): void {
  console.error(`installing: ${command} ${argv.join(' ')}`)
  const options = { env: { ...process.env, ...environment }, cwd, encoding: 'utf8', timeout: 180_000 } as const
  const { error, status, stderr } = spawnSync(command, argv, options)
  if (error !== undefined || status !== 0)
    console.error(`${command} failed: ${error?.message ?? stderr.trim().slice(-400)}`)
}
