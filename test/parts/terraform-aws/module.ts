/** A root module for AWS, laid out by itself, with a real Terraform and a cloud that is played. */
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { terraformMissing, withTerraform } from '../terraform.ts'
import { awsSchemaMissing, readAwsSchema, type WantedTypes } from './package.ts'
import { type CloudOptions, type PlayedCloud, playCloud } from './played-cloud.ts'
import { startProvider } from './provider.ts'

const execute = promisify(execFile)
const commandTimeoutMs = 3 * 60_000

export type RunningCloud = AsyncDisposable & {
  cloud: PlayedCloud
  /** For the process of Terraform. */
  environment: Record<string, string>
}

export type LaidOutModule = RunningCloud & {
  folder: string
  terraform(words: readonly string[], variables?: Record<string, string>): Promise<TerraformEnd>
}

export type TerraformEnd = { exitCode: number; output: string }

/** For `test({ skip })`: Terraform and the provider's schema. */
export const terraformAwsMissing = (environment: NodeJS.ProcessEnv = process.env): string | false =>
  terraformMissing(environment) || awsSchemaMissing(environment)

export const account = '111122223333'
const region = 'eu-central-1'

/** What data sources say there, and what modules ask of resources. */
const usual: NonNullable<CloudOptions['gives']> = {
  'data.aws_availability_zones.names': [`${region}a`, `${region}b`, `${region}c`],
  'data.aws_region.region': region,
  'aws_eks_cluster.identity.oidc.issuer': `https://oidc.eks.${region}.amazonaws.com/id/D0A1`,
}

/** A cloud that knows the types which these files name. */
export async function startCloud(texts: Iterable<string>, gives: CloudOptions['gives'] = {}): Promise<RunningCloud> {
  const schema = await readAwsSchema(typesIn(texts))
  const cloud = playCloud({ schema, account, region, gives: { ...usual, ...gives } })
  const provider = await startProvider(cloud)
  return {
    cloud,
    environment: { ...provider.environment },
    [Symbol.asyncDispose]: () => provider.stop(),
  }
}

/** A copy of the folder, with its state beside it; initialised. */
export async function layOut(module: string, gives: CloudOptions['gives'] = {}): Promise<LaidOutModule> {
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-module-'))
  await cp(module, folder, { recursive: true, filter: (path) => !path.endsWith('/.terraform') })
  const texts = await textsIn(folder)
  const running = await startCloud(texts, gives)
  await writeFile(join(folder, 'state_override.tf'), 'terraform {\n  backend "local" {}\n}\n')
  const terraform: LaidOutModule['terraform'] = async (words, variables = {}) => {
    const values = Object.entries(variables).map(([name, value]) => [`TF_VAR_${name}`, value])
    const env = {
      ...withTerraform(),
      ...running.environment,
      ...{ CHECKPOINT_DISABLE: '1', TF_IN_AUTOMATION: '1', TF_CLI_CONFIG_FILE: '/dev/null' },
      ...Object.fromEntries(values),
    }
    const options = { cwd: folder, env, timeout: commandTimeoutMs, maxBuffer: 64 * 1024 * 1024 }
    return await execute('terraform', [...words, '-no-color'], options).then(
      ({ stdout, stderr }) => ({ exitCode: 0, output: stdout + stderr }),
      ({ code, stdout = '', stderr = '' }) => ({ exitCode: Number(code ?? -1), output: `${stdout}${stderr}` }),
    )
  }
  const dispose = async () => {
    await running[Symbol.asyncDispose]()
    await rm(folder, { recursive: true, force: true })
  }
  const started = await terraform(['init', '-input=false'])
  if (started.exitCode !== 0) {
    await dispose()
    throw new Error(started.output)
  }
  return { ...running, folder, terraform, [Symbol.asyncDispose]: dispose }
}

async function textsIn(folder: string): Promise<string[]> {
  const files = await readdir(folder, { recursive: true })
  return await Promise.all(
    files.filter((file) => file.endsWith('.tf')).map((file) => readFile(join(folder, file), 'utf8')),
  )
}

function typesIn(texts: Iterable<string>): WantedTypes {
  const all = [...texts].join('\n')
  const named = (kind: string) =>
    [...all.matchAll(new RegExp(`^\\s*${kind}\\s+"(aws_\\w+)"`, 'gm'))].map(([, type = '']) => type)
  return { resources: named('resource'), dataSources: named('data') }
}
