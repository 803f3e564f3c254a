/** Moto, the emulator of AWS, in a Python environment of its own in the cache; `npm run parts` installs it there. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fillCache, partsCache } from '../kubernetes/programs.ts'
import { findProgram, missingPart } from '../local-server.ts'

const execute = promisify(execFile)
const requirements = join(import.meta.dirname, 'requirements.txt')
const installTimeoutMs = 10 * 60_000

/** Where it belongs; it may not be there yet. */
function awsFolder(environment: NodeJS.ProcessEnv): string {
  const digest = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 16)
  return join(partsCache(environment), `aws-${digest}`)
}

/** Python that has moto and cfn-lint (`python -m cfnlint`). */
export const awsPython = (environment: NodeJS.ProcessEnv = process.env): string =>
  join(awsFolder(environment), 'bin', 'python')

/** For `test({ skip })`. */
export const awsMissing = (environment: NodeJS.ProcessEnv = process.env): string | false =>
  missingPart(
    existsSync(awsFolder(environment)) ? 'there' : null,
    'moto, the emulator of AWS, is not prepared (npm run parts)',
    environment,
  )

/** Installs it into the cache where it is not there yet. */
export async function prepareAws(environment: NodeJS.ProcessEnv): Promise<string> {
  const folder = awsFolder(environment)
  if (existsSync(folder)) return folder
  const python = findProgram('python3', environment)
  if (python === null) throw new Error('python3 is not installed (apt-get install python3 python3-venv)')
  await fillCache(folder, async (scratch) => {
    const options = { env: environment, cwd: scratch, timeout: installTimeoutMs, maxBuffer: 64 * 1024 * 1024 }
    // Its programs name the folder they were made in, which is not where they stay: they are run as `python -m`.
    await execute(python, ['-m', 'venv', scratch], options)
    const quiet = ['--quiet', '--disable-pip-version-check', '--no-input']
    await execute(join(scratch, 'bin', 'python'), ['-m', 'pip', 'install', ...quiet, '-r', requirements], options)
  })
  return folder
}
