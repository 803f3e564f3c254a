/** What helm says when it fails, as a reason that a person can act on. */
import { posix } from 'node:path'
import type { KubernetesObject } from '../../../kubernetes-api/index.ts'
import type { ClusterSession } from '../../../kubernetes-api/session.ts'
import { type Reason, reason } from '../../../model/index.ts'
import { explain } from '../health/explain.ts'
import type { HelmRelease } from './helm-request.ts'

export type HelmFailure = { reasons: Reason[]; logTail: string[] }

export type FailedRun = {
  said: string
  release: HelmRelease
  /** Folder of the chart in the repository. */
  chart: string
  /** Where its copy was. */
  root: string
}

/** Looks into the cluster where a hook failed. */
export async function explainFailure(
  { said, release, chart, root }: FailedRun,
  session: ClusterSession,
  signal: AbortSignal,
): Promise<HelmFailure> {
  const text = said.replaceAll(`${root}/repository/`, '').replaceAll(`${root}/`, '').replace(/\s+/g, ' ').trim()
  const message = text.replace(/^(?:UPGRADE|INSTALLATION) FAILED: /, '')
  const hook = hookIn(message)
  if (hook !== null) return await hookFailed(message, hook, release, session, signal)
  return {
    reasons: [missingDependency(message, chart) ?? templateFault(message, chart) ?? other(message, release)],
    logTail: [],
  }
}

function missingDependency(message: string, chart: string): Reason | null {
  const found = /missing in charts\/ directory: ([^\s]+(?:, [^\s]+)*)/.exec(message)
  if (found === null) return null
  return reason(
    'chart-dependency-missing',
    `the chart ${chart} depends on ${found[1]}, which is not in its charts/ folder`,
    {
      file: `${chart}/Chart.yaml`,
      hint: `run \`helm dependency build ${chart}\` and commit ${chart}/charts: nothing is fetched while delivering`,
    },
  )
}

/** `(shop/charts/redis/templates/pod.yaml:3:12)`: the first folder is the chart's name, whatever its folder is called. */
function templateFault(message: string, chart: string): Reason | null {
  const found = /\b([\w.-]+)\/((?:charts\/[\w.-]+\/)*templates\/[\w./-]+\.\w+)(?::(\d+)(?::(\d+))?)?/.exec(message)
  if (found !== null) {
    const [whole, , path = '', line] = found
    const file = posix.join(chart, path)
    const place = line === undefined ? file : `${file}:${line}`
    return reason('chart-template', `${place}: ${afterPlace(message, whole)}`, { file })
  }
  const isValues = /values don't meet the specifications of the schema/.test(message)
  return isValues
    ? reason('chart-values', `${chart}/values.schema.json: ${message}`, { file: `${chart}/values.schema.json` })
    : null
}

/** Helm tells the place over and over: what counts comes last. */
function afterPlace(message: string, place: string): string {
  const rest = message.slice(message.lastIndexOf(place) + place.length).replace(/^[\s:)"]+/, '')
  const cause = /error calling \w+: (.*)$/.exec(rest)?.[1]
  return cause ?? (rest === '' ? message : rest)
}

type Hook = { kind: string; name: string }

/** Helm 3: `job web-migrate failed: …`; helm 4: `resource Job/shop/web-migrate not ready`. */
function hookIn(message: string): Hook | null {
  if (!/hooks? failed|failed (?:pre|post)-/.test(message)) return null
  const found = /resource (\w+)\/[\w.-]+\/([\w.-]+)/.exec(message) ?? /\b(job|pod) ([\w.-]+) failed/i.exec(message)
  if (found !== null) return { kind: /pod/i.test(found[1] ?? '') ? 'Pod' : (found[1] ?? 'Job'), name: found[2] ?? '' }
  return { kind: 'Job', name: '' }
}

async function hookFailed(
  message: string,
  { kind, name }: Hook,
  { namespace }: HelmRelease,
  session: ClusterSession,
  signal: AbortSignal,
): Promise<HelmFailure> {
  const event = /\b(?:pre|post)-(?:install|upgrade|rollback|delete)\b/.exec(message)?.[0]
  const object = name === '' ? null : await readHook(session, kind, name, namespace, signal)
  const { reasons, logTail } = object === null ? { reasons: [], logTail: [] } : await explain(session, object, signal)
  const what = [event, 'hook', name].filter((word) => word !== undefined && word !== '').join(' ')
  return {
    reasons: [reason('hook-failed', `the ${what} of the chart failed: ${afterName(message, name)}`), ...reasons],
    logTail,
  }
}

/** Behind its name. */
function afterName(message: string, name: string): string {
  const rest = name === '' ? message : message.slice(message.lastIndexOf(name) + name.length)
  return rest.replace(/^\s*(?:failed:|not ready\.)\s*/, '') || message
}

async function readHook(
  session: ClusterSession,
  kind: string,
  name: string,
  namespace: string,
  signal: AbortSignal,
): Promise<KubernetesObject | null> {
  if (!/^(?:job|pod)$/i.test(kind)) return null
  const of = /^pod$/i.test(kind) ? { apiVersion: 'v1', kind: 'Pod' } : { apiVersion: 'batch/v1', kind: 'Job' }
  return await session.read(of, name, namespace, signal)
}

const other = (message: string, { name }: HelmRelease): Reason => {
  if (/conflict(?:s)? with /.test(message)) {
    return reason('managed-by-another', `${name}: ${message}`, {
      hint: 'take the field out of the chart, have the other give it up, or set `conflicts: force` on the target',
    })
  }
  if (/invalid ownership metadata/.test(message)) {
    return reason('not-of-this-chart', `${name}: ${message}`, {
      hint: 'an object of that name was made without this chart: delete it, or give it the labels and annotations that helm asks for; helm 3.17 and newer take over by themselves what Trunkline had applied',
    })
  }
  return reason('helm-failed', `helm: ${message}`)
}
