/** The real `helm`, as a program with an end. Nothing secret stands in its arguments. */
import { isAbsolute, resolve } from 'node:path'
import { cancelledError, erroredError, type TrunklineError } from '../../../model/index.ts'
import { type ProcessEnd, runProcess } from '../../../process/index.ts'
import { isMissing } from '../render/kustomize.ts'
import type { HelmCluster, HelmRelease } from './helm-request.ts'

export type HelmRun = {
  arguments: readonly string[]
  timeoutMs: number
  /** Folder that it has for itself; without one it reads and writes nothing on this machine. */
  folder?: string
  /** Folder of the plugins it may use. */
  plugins?: string
}

/** A record says how it ended; only what is the machine's fault is thrown. */
export type HelmEnd = { ok: true; output: string } | { ok: false; said: string }

const maxOutputBytes = 32 * 1024 * 1024
/** From a cancellation to the end: helm writes down that the release failed. */
const killAfterMs = 10_000

export async function runHelm(cluster: HelmCluster, release: HelmRelease, run: HelmRun): Promise<HelmEnd> {
  const own = await cluster.programAccess?.(cluster.signal)
  const place = own === undefined ? cluster : { ...cluster, access: { kubeconfig: own.kubeconfig, context: null } }
  const ended = await start(cluster, ['helm', ...run.arguments, ...whereTo(place, release)], run).finally(() =>
    own?.remove(),
  )
  if (ended.kind === 'timed-out') {
    throw erroredError(
      'HELM_TIMED_OUT',
      `helm ${run.arguments[0]} took longer than ${Math.round(run.timeoutMs / 1000)} s`,
      {
        hint: 'is the cluster reachable, and does no hook of the chart wait for ever?',
      },
    )
  }
  if (ended.kind === 'too-much-output')
    throw erroredError('HELM_OUTPUT', `helm ${run.arguments[0]} writes more than ${maxOutputBytes / 1024 ** 2} MiB`)
  if (ended.exitCode === 0) return { ok: true, output: ended.stdout.toString('utf8') }
  if (cluster.signal.aborted) throw cancelledError('helm was cancelled')
  return { ok: false, said: whatItSaid(ended.stderr) }
}

async function start(
  { root, environmentVariables, signal }: HelmCluster,
  argv: readonly [string, ...string[]],
  { folder, plugins, timeoutMs }: Pick<HelmRun, 'folder' | 'plugins' | 'timeoutMs'>,
): Promise<ProcessEnd> {
  const env = environmentOf(environmentVariables, folder, plugins)
  try {
    return await runProcess({ argv, cwd: folder ?? root, env, timeoutMs, maxOutputBytes, killAfterMs, signal })
  } catch (error) {
    throw isMissing(error) ? missing() : error
  }
}

const missing = (): TrunklineError =>
  erroredError('PROGRAM_MISSING', 'charts are installed by helm, which is not on this machine', {
    hint: 'install helm 3.14 or newer on the machine that delivers',
  })

/** Namespace and cluster are said; the kubeconfig itself is read by helm. */
function whereTo({ access: { kubeconfig, context }, root }: HelmCluster, { namespace }: HelmRelease): string[] {
  return [
    ...['--namespace', namespace],
    ...(kubeconfig === null ? [] : ['--kubeconfig', isAbsolute(kubeconfig) ? kubeconfig : resolve(root, kubeconfig)]),
    ...(context === null ? [] : ['--kube-context', context]),
  ]
}

/** Where releases are kept, and how fast it may ask, are the machine's to say. The rest is ours. */
const keptVariables = /^HELM_(?:DRIVER|DRIVER_SQL_CONNECTION_STRING|MAX_HISTORY|BURST_LIMIT|QPS)$/

function environmentOf(environment: NodeJS.ProcessEnv, folder?: string, plugins?: string): Record<string, string> {
  const kept = Object.entries(environment).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && (!entry[0].startsWith('HELM_') || keptVariables.test(entry[0])),
  )
  const home = folder ?? '/nonexistent'
  return {
    ...Object.fromEntries(kept),
    HELM_CACHE_HOME: `${home}/cache`,
    HELM_CONFIG_HOME: `${home}/config`,
    HELM_DATA_HOME: `${home}/data`,
    HELM_PLUGINS: plugins ?? `${home}/no-plugins`,
  }
}

const longestSaid = 2000

/** Its last word: what stands before it is told while it works. */
function whatItSaid(stderr: string): string {
  const at = stderr.lastIndexOf('Error: ')
  return (at < 0 ? stderr : stderr.slice(at + 'Error: '.length)).trim().slice(0, longestSaid)
}

export type HelmVersion = { major: number; minor: number }

const oldest: HelmVersion = { major: 3, minor: 14 }
const versionTimeoutMs = 30_000

/** Errored `PROGRAM_TOO_OLD` below 3.14. */
export async function helmVersion(cluster: HelmCluster): Promise<HelmVersion> {
  const ended = await start(cluster, ['helm', 'version', '--short'], { timeoutMs: versionTimeoutMs })
  const text = ended.stdout.toString('utf8').trim()
  const [, major = 0, minor = 0] = /v?(\d+)\.(\d+)/.exec(text)?.map(Number) ?? []
  if (major > oldest.major || (major === oldest.major && minor >= oldest.minor)) return { major, minor }
  throw erroredError('PROGRAM_TOO_OLD', `the helm of this machine is ${text || whatItSaid(ended.stderr)}`, {
    hint: `install helm ${oldest.major}.${oldest.minor} or newer`,
  })
}
