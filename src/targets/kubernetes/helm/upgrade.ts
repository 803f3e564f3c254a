/**
 * A chart installed, or upgraded to what is wanted. Helm does not wait for pods: whether they get healthy is watched from
 * outside, with the reason when they do not. What is there already is left alone.
 */

import type { KubernetesObject } from '../../../kubernetes-api/index.ts'
import type { ClusterSession } from '../../../kubernetes-api/session.ts'
import type { HelmDescription } from '../../../model/index.ts'
import { notEmpty } from '../render/deliver-variables.ts'
import { clusterDescriptionOf } from '../render/render.ts'
import type { RenderRequest } from '../render/render-request.ts'
import { variableObjects } from '../render/variables.ts'
import { type ChartFolder, chartPath, withChart } from './chart-folder.ts'
import { describeRelease } from './describe.ts'
import { editRendered } from './edit-rendered.ts'
import { explainFailure, type HelmFailure } from './explain-failure.ts'
import { rollBack, uninstall } from './go-back.ts'
import { type HelmRelease, type HelmRequest, helmDescriptionOf, releaseOf } from './helm-request.ts'
import { deployedIn, type HelmRevision, helmHistory, helmObjects, isPending } from './history.ts'
import { postRenderer } from './post-render.ts'
import { type HelmEnd, type HelmVersion, helmVersion, runHelm } from './run-helm.ts'

export type HelmUpgraded =
  | { ok: true; release: HelmRelease; revision: number; objects: KubernetesObject[] }
  | ({ ok: false } & HelmFailure)

/** Beyond what hooks may take. */
const slackMs = 60_000

/** What the chart's pods refer to, and what must be there before it: the service's ConfigMap and Secret. */
export function helmVariables(request: RenderRequest): KubernetesObject[] {
  const { variables } = clusterDescriptionOf(request.desired.run)
  const made = variableObjects(request)
  if (variables.kind === 'none') return []
  return variables.kind === 'named' ? [made.configMap, made.secret] : notEmpty(made)
}

export type UpgradeOptions = {
  /** Also where the same stands there already: what was changed by hand is put back. */
  isRepair: boolean
  /** What it makes may stand there already, made by Trunkline. */
  takesOver: boolean
}

/** Throws `usage` and `failed` where the description is wrong, `errored` where helm cannot work at all. */
export async function helmUpgrade(
  request: HelmRequest,
  session: ClusterSession,
  options: UpgradeOptions = { isRepair: false, takesOver: false },
): Promise<HelmUpgraded> {
  const description = descriptionOf(request)
  const release = releaseOf(request, description)
  const known = await unlocked(request, release)
  const wanted = describeRelease(request)
  const last = known.at(-1)
  const stands = last?.status === 'deployed' && last.description === wanted
  if (stands && !options.isRepair) return await installed(request, release, last)
  const failure = await withChart(request, description, async (folder): Promise<HelmFailure | null> => {
    const ended = await upgrade(request, { ...options, description, release, wanted, folder })
    if (ended.ok) return null
    const said = isPlaceless(ended.said) ? await saidOfTemplates(request, release, folder, ended.said) : ended.said
    const failed = { said, release, chart: chartPath(request, description), root: folder.root }
    return await explainFailure(failed, session, request.signal)
  })
  if (failure !== null) return { ok: false, ...failure }
  const now = (await helmHistory(request, release)).at(-1)
  if (now === undefined) throw new Error('helm knows nothing of what it has just installed')
  return await installed(request, release, now)
}

const installed = async (
  request: HelmRequest,
  release: HelmRelease,
  { revision }: HelmRevision,
): Promise<HelmUpgraded> => ({ ok: true, release, revision, objects: await helmObjects(request, release) })

function descriptionOf(request: RenderRequest): HelmDescription {
  const description = helmDescriptionOf(request)
  if (description === null) throw new Error(`${request.service} is described by no chart`)
  return description
}

type Upgrade = UpgradeOptions & {
  description: HelmDescription
  release: HelmRelease
  wanted: string
  folder: ChartFolder
}

async function upgrade(request: HelmRequest, given: Upgrade): Promise<HelmEnd> {
  const { config } = request
  const { description, release, wanted, folder } = given
  const version = await helmVersion(request)
  const renderer = await postRenderer(folder.root, version, (text) => editRendered(text, request, description))
  return await renderer.during(() =>
    runHelm(request, release, {
      arguments: [
        ...['upgrade', release.name, folder.chart, '--install', '--reset-values'],
        ...folder.values.flatMap((file) => ['--values', file]),
        ...['--description', wanted, '--timeout', `${Math.ceil(config.timeoutMs / 1000)}s`],
        ...ownership(given, config.conflicts, version),
        ...renderer.arguments,
      ],
      timeoutMs: config.timeoutMs + slackMs,
      folder: folder.root,
      plugins: renderer.plugins,
    }),
  )
}

/** Helm 3 takes every field that it wants; what others own as a whole it asks about since 3.17. */
function ownership(
  { isRepair, takesOver }: UpgradeOptions,
  conflicts: 'fail' | 'force',
  { major, minor }: HelmVersion,
) {
  const forces = major >= 4 && (conflicts === 'force' || isRepair || takesOver)
  const canTake = major >= 4 || minor >= 17
  return [...(forces ? ['--force-conflicts'] : []), ...(takesOver && canTake ? ['--take-ownership'] : [])]
}

/** Helm 4 takes what templates make together before it reads it, and then no longer knows whose line is wrong. */
const isPlaceless = (said: string): boolean => /yaml: /i.test(said) && !said.includes('templates/')

async function saidOfTemplates(request: HelmRequest, release: HelmRelease, folder: ChartFolder, otherwise: string) {
  const rendered = await runHelm(request, release, {
    arguments: ['template', release.name, folder.chart, ...folder.values.flatMap((file) => ['--values', file])],
    timeoutMs: slackMs,
    folder: folder.root,
  })
  return rendered.ok ? otherwise : rendered.said
}

/**
 * Helm refuses to work while it is at work already. Who holds the lease knows better: that one was ended before it could
 * write how it went. What was deployed last is put back, and then there is nothing in the way.
 */
async function unlocked(request: HelmRequest, release: HelmRelease): Promise<HelmRevision[]> {
  const history = await helmHistory(request, release)
  const last = history.at(-1)
  if (last === undefined || !isPending(last)) return history
  const deployed = deployedIn(history)
  if (deployed === null) await uninstall(request, release)
  else await rollBack(request, release, deployed.revision)
  return await helmHistory(request, release)
}
