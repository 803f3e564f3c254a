/** Terraform: of the machine where it is installed, else built from its Go module into the cache of parts. */
import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { findGo } from './kubernetes/build-programs.ts'
import { fillCache, partsCache } from './kubernetes/programs.ts'
import { findProgram, missingPart } from './local-server.ts'

const execute = promisify(execFile)
const module = { path: 'github.com/hashicorp/terraform', version: 'v1.11.4' }
const buildTimeoutMs = 30 * 60_000

const builtIn = (environment: NodeJS.ProcessEnv): string => join(partsCache(environment), `terraform-${module.version}`)

const found = (environment: NodeJS.ProcessEnv): string | null =>
  findProgram('terraform', environment, [builtIn(environment)])

/** For `test({ skip })`. */
export const terraformMissing = (environment: NodeJS.ProcessEnv = process.env): string | false =>
  missingPart(found(environment), 'terraform is not installed (npm run parts builds it)', environment)

/** Variables of this process, with the program on the path. */
export function withTerraform(environment: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const program = found(environment)
  if (program === null) throw new Error('terraform is neither installed nor built: npm run parts')
  return { ...environment, PATH: `${dirname(program)}:${environment['PATH'] ?? ''}` }
}

/** Builds it where it is not there; answers where it is. */
export async function prepareTerraform(environment: NodeJS.ProcessEnv): Promise<string> {
  const known = found(environment)
  if (known !== null) return known
  const go = findGo(environment)
  if (go === null) throw new Error('it is not installed, and Go, which would build it, neither')
  const folder = builtIn(environment)
  await fillCache(folder, async (scratch) => {
    const env = { ...environment, CGO_ENABLED: '0', GOBIN: scratch }
    const options = { env, timeout: buildTimeoutMs, maxBuffer: 64 * 1024 * 1024 }
    await execute(go, ['install', '-p', '2', `${module.path}@${module.version}`], options)
  })
  return join(folder, 'terraform')
}
