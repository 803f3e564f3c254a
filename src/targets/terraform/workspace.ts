/** Folders that the program works in: made for one use, readable by nobody else, gone afterwards. */
import { mkdir, writeFile } from 'node:fs/promises'
import { isAbsolute, join, resolve } from 'node:path'
import { unpackArtifact } from '../../artifacts/unpack.ts'
import {
  fillIn,
  type Json,
  type Placeholders,
  type Reason,
  type ServiceName,
  type TerraformConfig,
  type TerraformRun,
  usageError,
} from '../../model/index.ts'
import type { ArtifactStore, RolloutRequest } from '../../ports/index.ts'
import { withScratchFolder } from '../scratch-folder.ts'
import { type Program, unreadableModule, worldFault } from './program.ts'

export type Place = {
  config: TerraformConfig
  program: Program
  names: Placeholders
  /** What relative paths of a local backend start from. */
  root: string
  providerCache: string
}

export type Workspace = {
  folder: string
  /** Options that name the files of values. */
  valueFiles: string[]
  inputs: Record<string, string>
}

/** The module itself is wrong: a verdict on the release. */
export class InvalidModule extends Error {
  readonly why: Reason

  constructor(why: Reason) {
    super(why.message)
    this.why = why
  }
}

const initTimeoutMs = 15 * 60_000

/** A folder that knows the state of a service, and nothing of its resources. */
export const withState = async <Result>(
  place: Place,
  service: ServiceName,
  signal: AbortSignal,
  use: (folder: string) => Promise<Result>,
): Promise<Result> =>
  await inFolder(async (folder) => {
    await writeBackend(place, service, join(folder, 'backend.tf.json'))
    await init(place, folder, signal)
    return await use(folder)
  })

/** The root module of a service with its backend, initialised. */
export const withModule = async <Result>(
  place: Place,
  request: RolloutRequest,
  context: { artifacts: ArtifactStore; signal: AbortSignal },
  use: (workspace: Workspace) => Promise<Result>,
): Promise<Result> =>
  await inFolder(async (base) => {
    const { service, desired, variables } = request
    const run = runOf(request)
    const whole = join(base, 'module')
    await unpackArtifact(context.artifacts.forService(service), desired.artifact, whole, context.signal)
    const folder = join(whole, run.directory)
    await writeBackend(place, service, join(folder, 'trunkline_override.tf.json'))
    const valueFiles = await layDownValues(base, request, { ...place.names, service })
    await init(place, folder, context.signal)
    const names = { ...place.names, service }
    const fixed = Object.entries(run.variables).map(([name, value]) => [name, fillIn(value, names)])
    return await use({ folder, valueFiles, inputs: { ...Object.fromEntries(fixed), ...variables } })
  })

export function runOf({ service, desired }: Pick<RolloutRequest, 'service' | 'desired'>): TerraformRun {
  if (desired.run.kind === 'terraform') return desired.run
  throw usageError('WRONG_PLATFORM', `${service} is not applied by Terraform`, {
    hint: 'give it `run: { terraform: { directory: … } }`, or another target',
  })
}

/** A plan is in it, and where a controller was killed Terraform may have gone on there for a while. */
const inFolder = <Result>(use: (folder: string) => Promise<Result>): Promise<Result> =>
  withScratchFolder('trunkline-terraform-', use)

async function writeBackend(place: Place, service: ServiceName, file: string): Promise<void> {
  const { type } = place.config.backend
  const settings = settingsFor(place, service)
  await writeFile(file, JSON.stringify({ terraform: { backend: { [type]: settings } } }), { mode: 0o600 })
}

function settingsFor({ config, names, root }: Place, service: ServiceName): Record<string, Json> {
  const { type, settings } = config.backend
  const filled = Object.entries(settings).map(([key, value]): [string, Json] => {
    if (typeof value !== 'string') return [key, value]
    const text = fillIn(value, { ...names, service })
    return [key, type === 'local' && key === 'path' && !isAbsolute(text) ? resolve(root, text) : text]
  })
  return Object.fromEntries(filled)
}

/** Files of values come with the release, beside the artifact. */
async function layDownValues(base: string, request: RolloutRequest, names: Placeholders): Promise<string[]> {
  const wanted = runOf(request).variableFiles.map((path) => fillIn(path, names))
  if (wanted.length === 0) return []
  const files = await request.files()
  const options: string[] = []
  for (const [index, path] of wanted.entries()) {
    const content = files.get(path)
    if (content === undefined) {
      throw usageError(
        'PATH_NOT_FOUND',
        `${path} is not in the repository at this commit: ${request.service} names it`,
        {
          hint: '`variableFiles` of `run.terraform` in trunkline.yaml',
        },
      )
    }
    const at = join(base, `values-${index}.tfvars${path.endsWith('.json') ? '.json' : ''}`)
    await writeFile(at, content, { mode: 0o600 })
    options.push(`-var-file=${at}`)
  }
  return options
}

async function init({ program, providerCache }: Place, folder: string, signal: AbortSignal): Promise<void> {
  await mkdir(providerCache, { recursive: true })
  const end = await program.run(['init', '-input=false', '-no-color', '-reconfigure'], {
    folder,
    signal,
    timeoutMs: initTimeoutMs,
  })
  if (end.kind === 'exited' && end.exitCode === 0) return
  const unreadable = unreadableModule(end)
  throw unreadable === null ? worldFault(program, 'initialise the module', end) : new InvalidModule(unreadable)
}
