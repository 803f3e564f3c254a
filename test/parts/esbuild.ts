/** esbuild from npm into the cache: `npm run parts` installs it there. Projects bring their own; tests let `prepare` copy this one. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fillCache, partsCache } from './kubernetes/programs.ts'
import { missingPart } from './local-server.ts'

const version = '0.28.2'
const installTimeoutMs = 5 * 60_000

const folderIn = (environment: NodeJS.ProcessEnv): string => join(partsCache(environment), `esbuild-${version}`)

/** Has `node_modules/.bin/esbuild` in it. */
export const esbuildFolder = (environment: NodeJS.ProcessEnv = process.env): string => folderIn(environment)

/** What `npm ci` would do in a project that has esbuild among its development dependencies. */
export const esbuildInstalled = (environment: NodeJS.ProcessEnv = process.env): string =>
  `mkdir -p node_modules && cp -R '${join(folderIn(environment), 'node_modules')}/.' node_modules/`

/** For `test({ skip })`. */
export const esbuildMissing = (environment: NodeJS.ProcessEnv = process.env): string | false =>
  missingPart(
    existsSync(folderIn(environment)) ? 'there' : null,
    'esbuild is not prepared (npm run parts)',
    environment,
  )

export async function prepareEsbuild(environment: NodeJS.ProcessEnv): Promise<string> {
  const folder = folderIn(environment)
  if (existsSync(folder)) return folder
  await fillCache(folder, async (scratch) => {
    await writeFile(join(scratch, 'package.json'), '{"name":"esbuild-part","private":true}')
    const words = ['install', '--no-audit', '--no-fund', '--ignore-scripts', `esbuild@${version}`]
    await promisify(execFile)('npm', words, { cwd: scratch, env: environment, timeout: installTimeoutMs })
  })
  return folder
}
