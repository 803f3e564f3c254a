/**
 * What a chart renders to is edited before helm applies it: images that are called by name, variables in the containers
 * of the service's image, the strategy of Deployments. Helm asks for it by its post-renderer, a program; that one hands
 * the text to us through files, since the edit needs what only this process knows.
 */
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { HelmVersion } from './run-helm.ts'

export type PostRenderer = {
  /** Of `helm upgrade`. */
  arguments: string[]
  /** For `HELM_PLUGINS`. */
  plugins: string
  /** Serves helm until the work is done; throws what the edit throws in place of what helm makes of it. */
  during<Result>(work: () => Promise<Result>): Promise<Result>
}

const pluginName = 'trunkline'
const lookEveryMs = 10

/** Started by helm with a folder as its argument: hands over, waits, hands back. */
const program = `const { existsSync, readFileSync, renameSync, rmSync, writeFileSync } = require('node:fs')
const [folder] = process.argv.slice(2)
const at = (name) => folder + '/' + name
const parent = process.ppid
writeFileSync(at('given.part'), readFileSync(0))
renameSync(at('given.part'), at('given'))
const timer = setInterval(() => {
  if (existsSync(at('refused')) || process.ppid !== parent) process.exit(1)
  if (!existsSync(at('edited'))) return
  clearInterval(timer)
  const edited = readFileSync(at('edited'))
  rmSync(at('edited'))
  process.stdout.write(edited)
}, ${lookEveryMs})
`

/** Helm 3 starts a program; helm 4 a plugin. */
export async function postRenderer(
  root: string,
  { major }: HelmVersion,
  edit: (text: string) => string,
): Promise<PostRenderer> {
  const folder = join(root, 'post-render')
  const plugins = join(root, 'plugins')
  await mkdir(join(plugins, pluginName), { recursive: true })
  await mkdir(folder, { recursive: true })
  await writeFile(join(root, 'post-render.cjs'), program)
  const argv = [process.execPath, join(root, 'post-render.cjs'), folder]
  if (major >= 4) await writeFile(join(plugins, pluginName, 'plugin.yaml'), JSON.stringify(plugin(argv)))
  const [command = '', ...rest] = argv
  return {
    arguments:
      major >= 4
        ? ['--post-renderer', pluginName]
        : ['--post-renderer', command, ...rest.flatMap((word) => ['--post-renderer-args', word])],
    plugins,
    during: (work) => serve(folder, edit, work),
  }
}

const plugin = ([command = '', ...rest]: readonly string[]) => ({
  apiVersion: 'v1',
  type: 'postrenderer/v1',
  name: pluginName,
  version: '1.0.0',
  runtime: 'subprocess',
  runtimeConfig: { platformCommand: [{ command, args: rest }] },
})

async function serve<Result>(folder: string, edit: (text: string) => string, work: () => Promise<Result>) {
  const stop = new AbortController()
  let fault: { error: unknown } | null = null
  const serving = answer(folder, edit, stop.signal).catch((error: unknown) => {
    if (!stop.signal.aborted) fault = { error }
  })
  try {
    const result = await work()
    // TypeScript does not see that it is assigned meanwhile.
    const met = fault as { error: unknown } | null
    if (met !== null) throw met.error
    return result
  } finally {
    stop.abort()
    await serving
  }
}

async function answer(folder: string, edit: (text: string) => string, signal: AbortSignal): Promise<void> {
  const at = (name: string) => join(folder, name)
  for (;;) {
    await sleep(lookEveryMs, undefined, { signal })
    if (!existsSync(at('given'))) continue
    try {
      const edited = edit(await readFile(at('given'), 'utf8'))
      await rm(at('given'))
      await writeFile(at('edited.part'), edited)
      await rename(at('edited.part'), at('edited'))
    } catch (error) {
      await writeFile(at('refused'), '')
      throw error
    }
  }
}
