/** The target with a real Terraform and states on disk, as the engine uses it. `terraform_data` needs no provider. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../src/clock/index.ts'
import { sha256 } from '../../../src/hashing/index.ts'
import { homeAt } from '../../../src/home/index.ts'
import type { AwsAccess, Preview, TerraformConfig, TerraformRun } from '../../../src/model/index.ts'
import type { RolloutRequest, Target, TargetContext } from '../../../src/ports/index.ts'
import { createTerraformTarget } from '../../../src/targets/terraform/index.ts'
import { withTerraform } from '../../parts/terraform.ts'
import { MemoryStore } from '../memory-store.ts'

export const neverAborted = new AbortController().signal

export type ModuleChange = {
  run?: Partial<TerraformRun>
  variables?: Record<string, string>
  beside?: Record<string, string>
}

export type ModuleUnderTest = AsyncDisposable & {
  target: Target
  root: string
  /** Holds `<service>.tfstate`. */
  states: string
  environment: NodeJS.ProcessEnv
  request(service: string, files: Record<string, string>, change?: ModuleChange): Promise<RolloutRequest>
  context(change?: Partial<TargetContext>): TargetContext & { lines: string[] }
  preview(request: RolloutRequest): Promise<Preview | null>
  /** Plans, and carries out what was planned. */
  deploy(request: RolloutRequest): ReturnType<Target['ensure']>
}

export type InAccount = { access: AwsAccess; environment: Record<string, string> }

export async function openModule(
  config: Partial<TerraformConfig> = {},
  account: InAccount | null = null,
  /** Of a module that is under test already: it stays. */
  known: string | null = null,
  /** More variables of the process. */
  variables: Record<string, string> = {},
): Promise<ModuleUnderTest> {
  const root = known ?? (await mkdtemp(join(tmpdir(), 'trunkline-terraform-test-')))
  const environment = { ...withTerraform(), ...account?.environment, ...variables }
  const store = new MemoryStore()
  const target = createTerraformTarget({
    config: {
      program: 'terraform',
      backend: { type: 'local', settings: { path: 'states/{service}.tfstate' } },
      ...{ timeoutMs: 120_000, lockTimeoutMs: 0 },
      ...config,
    },
    ...{ project: 'shop', environment: 'stage', root, variables: environment, clock: systemClock },
    aws: account?.access ?? null,
    home: homeAt({ TRUNKLINE_HOME: join(root, 'home') }),
  })
  const context: ModuleUnderTest['context'] = (change = {}) => {
    const lines: string[] = []
    return {
      ...{ signal: neverAborted, epoch: 1, artifacts: store, report: () => {} },
      log: (line) => void lines.push(line),
      ...change,
      lines,
    }
  }
  const preview: ModuleUnderTest['preview'] = async (request) => {
    await target.observe([request.service], neverAborted)
    const { previews } = await target.plan([request], { signal: neverAborted, artifacts: store })
    return previews[request.service] ?? null
  }
  return {
    ...{ target, environment, context, preview, root, states: join(root, 'states') },
    async request(service, files, { run = {}, variables = {}, beside = {} } = {}) {
      const artifact = await store.addBundle(files)
      const whole: TerraformRun = {
        ...{
          kind: 'terraform',
          directory: '',
          variables: {},
          variableFiles: [],
          stateful: [],
          port: null,
          health: null,
        },
        ...run,
      }
      const fingerprints = await target.fingerprint({ [service]: variables }, neverAborted)
      const env = Object.fromEntries(
        Object.keys(variables).map((name) => [
          name,
          { kind: 'from' as const, from: name, secret: true, default: null },
        ]),
      )
      const generation = sha256(JSON.stringify([artifact, whole, beside])).slice(0, 32)
      return {
        ...{ service, variables, strategy: 'one-at-a-time' },
        files: async () => new Map(Object.entries(beside).map(([path, text]) => [path, Buffer.from(text)])),
        desired: { artifact, generation, run: whole, env, fingerprint: fingerprints[service] ?? null },
      }
    },
    async deploy(request) {
      const planned = await preview(request)
      return await target.ensure({ ...request, ...(planned === null ? {} : { preview: planned }) }, context())
    },
    [Symbol.asyncDispose]: async () => {
      if (known === null) await rm(root, { recursive: true, force: true })
    },
  }
}
