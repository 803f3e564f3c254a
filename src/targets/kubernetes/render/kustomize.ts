/** Kustomizations, by `kubectl kustomize`: in a folder with the declared files alone, and without a network. */
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { KubernetesObject } from '../../../kubernetes-api/index.ts'
import { erroredError, fillIn, TrunklineError, usageError } from '../../../model/index.ts'
import type { DeployFiles } from '../../../ports/index.ts'
import { type ProcessEnd, runProcess } from '../../../process/index.ts'
import { readManifests } from './read-manifests.ts'
import type { RenderRequest } from './render-request.ts'

const timeoutMs = 60_000
const maxOutputBytes = 16 * 1024 * 1024
/** What `kubectl` is asked for, or else `kustomize` itself. */
const programs: ReadonlyArray<readonly [string, string]> = [
  ['kubectl', 'kustomize'],
  ['kustomize', 'build'],
]

export async function kustomizedObjects(path: string, request: RenderRequest): Promise<KubernetesObject[]> {
  const { files, project, environment, service } = request
  const folder = plainPath(fillIn(path, { project, environment, service }))
  const root = await mkdtemp(join(await realpath(tmpdir()), 'trunkline-kustomize-'))
  try {
    const repository = join(root, 'repository')
    await layFiles(repository, files)
    const ended = await build(join(repository, folder), root, request)
    if (ended.kind !== 'exited' || ended.exitCode !== 0) throw explain(ended, { repository, folder, service })
    return readManifests(ended.stdout.toString('utf8'), `${folder} (rendered)`).map(({ object }) => object)
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

/** `./deploy/` as trees have it: `deploy`. */
export const plainPath = (path: string): string => path.replace(/^(?:\.\/)+|\/+$/g, '')

/** At their paths in the repository, below a folder. */
export async function layFiles(folder: string, files: DeployFiles): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const [path, content] of files) {
    const place = join(folder, path)
    await mkdir(dirname(place), { recursive: true })
    await writeFile(place, content)
  }
}

async function build(
  folder: string,
  root: string,
  { environmentVariables, signal }: RenderRequest,
): Promise<ProcessEnd> {
  const env = withoutNetwork(environmentVariables, root)
  for (const program of programs) {
    try {
      const argv = [...program, folder] as const
      return await runProcess({ argv, cwd: root, env, timeoutMs, maxOutputBytes, signal })
    } catch (error) {
      if (!isMissing(error)) throw error
    }
  }
  throw erroredError(
    'PROGRAM_MISSING',
    'kustomizations are rendered by kubectl, and neither it nor kustomize is installed',
    {
      hint: 'install kubectl 1.27 or newer on the machine that delivers',
    },
  )
}

export const isMissing = (error: unknown): boolean =>
  error instanceof TrunklineError &&
  error.code === 'PROCESS_START' &&
  error.cause instanceof Error &&
  'code' in error.cause &&
  error.cause.code === 'ENOENT'

/** Nothing listens at the discard port of the loopback: what a kustomization fetches would not be what was released. */
const nowhere = 'http://127.0.0.1:9'

function withoutNetwork(environment: NodeJS.ProcessEnv, home: string): Record<string, string> {
  const kept = Object.entries(environment).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !/^(?:no|https?|all)_proxy$/i.test(entry[0]),
  )
  return {
    ...Object.fromEntries(kept),
    ...{ HOME: home, XDG_CONFIG_HOME: home, KUBECONFIG: '/dev/null' },
    ...{ HTTP_PROXY: nowhere, HTTPS_PROXY: nowhere, http_proxy: nowhere, https_proxy: nowhere },
    GIT_ALLOW_PROTOCOL: 'none',
    LC_ALL: 'C',
  }
}

type Scene = { repository: string; folder: string; service: string }

function explain(ended: ProcessEnd, { repository, folder, service }: Scene): TrunklineError {
  if (ended.kind === 'timed-out') {
    return erroredError('RENDER_TIMED_OUT', `rendering ${folder} took longer than ${timeoutMs / 1000} s`)
  }
  if (ended.kind === 'too-much-output') {
    return usageError('MANIFEST_INVALID', `${folder} renders to more than ${maxOutputBytes / 1024 ** 2} MiB`)
  }
  const said = ended.stderr.replaceAll(`${repository}/`, '').replaceAll(repository, '.').trim()
  const location = { file: `${folder}/kustomization.yaml` }
  const remote = remoteIn(said)
  if (remote !== null) {
    return usageError('REMOTE_RESOURCE', `${folder} fetches ${remote}, and nothing is fetched while delivering`, {
      hint: 'what is deployed is what was released: copy them into the repository',
      location,
    })
  }
  const missing = missingPath(said)
  if (missing !== null) {
    return usageError('DEPLOY_INPUT_MISSING', `${folder} needs ${missing}, which is no deploy input of ${service}`, {
      hint: `if it is in the repository, add it to \`deployInputs\` of ${service}`,
      location,
    })
  }
  return usageError('KUSTOMIZE_FAILED', `${folder} cannot be rendered: ${lastSentence(said)}`, { location })
}

/** What it would have fetched by HTTP, or by git. */
const remoteIn = (said: string): string | null =>
  /from '((?:https?:\/\/|ssh:\/\/|git@)[^']+)'/.exec(said)?.[1] ??
  /git fetch \S+ (\S+)/.exec(said)?.[1] ??
  (/transport '\w+' not allowed/.test(said) ? 'a repository' : null)

/** What kustomize looked for in the folder of declared files. */
function missingPath(said: string): string | null {
  const found =
    /(?:lstat|stat|open) (\S+?): no such file or directory/.exec(said) ??
    /unable to find one of 'kustomization\.yaml'.* in directory '([^']+)'/.exec(said) ??
    /'([^']+)' doesn't exist/.exec(said)
  return found?.[1] ?? null
}

const longestSaid = 600
const lastSentence = (said: string): string =>
  said
    .replace(/^error: /, '')
    .replace(/\s+/g, ' ')
    .slice(0, longestSaid)
