/** aws-cdk-lib as npm brings it, in a folder of the cache: 186 MB that only one test file needs. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fillCache, partsCache } from '../kubernetes/programs.ts'

const execute = promisify(execFile)
const version = '2.276.0'
const constructs = '10.8.1'
const installTimeoutMs = 10 * 60_000
const synthTimeoutMs = 5 * 60_000

/** Installs it where it is not there yet; answers the folder. */
export async function prepareCdk(environment: NodeJS.ProcessEnv = process.env): Promise<string> {
  const folder = join(partsCache(environment), `cdk-${version}`)
  if (existsSync(folder)) return folder
  await fillCache(folder, async (scratch) => {
    await mkdir(scratch, { recursive: true })
    await writeFile(join(scratch, 'package.json'), '{ "private": true }\n')
    const packages = [`aws-cdk-lib@${version}`, `constructs@${constructs}`]
    const flags = ['--no-audit', '--no-fund', '--ignore-scripts', '--no-save']
    await execute('npm', ['install', ...flags, ...packages], {
      cwd: scratch,
      env: environment,
      timeout: installTimeoutMs,
    })
  })
  return folder
}

/** Writes `cdk.out` into `directory` by an app, whose text has `aws-cdk-lib` to import. */
export async function synthesize(cdk: string, directory: string, app: string): Promise<void> {
  await symlink(join(cdk, 'node_modules'), join(directory, 'node_modules'))
  await writeFile(join(directory, 'app.cjs'), app)
  await execute(process.execPath, ['app.cjs'], { cwd: directory, timeout: synthTimeoutMs })
}
