/** `osls`, the Serverless framework's open fork, from npm into the cache: `npm run parts` installs it there. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fillCache, partsCache } from '../kubernetes/programs.ts'
import { missingPart } from '../local-server.ts'

const version = '4.3.1'
const installTimeoutMs = 10 * 60_000

const folderIn = (environment: NodeJS.ProcessEnv): string => join(partsCache(environment), `osls-${version}`)

/** Has `node_modules/.bin/osls` in it. */
export const oslsFolder = (environment: NodeJS.ProcessEnv = process.env): string => folderIn(environment)

/** For `test({ skip })`. */
export const oslsMissing = (environment: NodeJS.ProcessEnv = process.env): string | false =>
  missingPart(existsSync(folderIn(environment)) ? 'there' : null, 'osls is not prepared (npm run parts)', environment)

export async function prepareOsls(environment: NodeJS.ProcessEnv): Promise<string> {
  const folder = folderIn(environment)
  if (existsSync(folder)) return folder
  await fillCache(folder, async (scratch) => {
    await writeFile(join(scratch, 'package.json'), '{"name":"osls-part","private":true}')
    const words = ['install', '--no-audit', '--no-fund', '--ignore-scripts', `osls@${version}`]
    await promisify(execFile)('npm', words, { cwd: scratch, env: environment, timeout: installTimeoutMs })
  })
  return folder
}
