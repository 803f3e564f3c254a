/** A chart and its values as files: the declared ones alone, in a folder that nobody else reads. */
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fillIn, type HelmDescription, usageError } from '../../../model/index.ts'
import type { DeployFiles } from '../../../ports/index.ts'
import { pathsMatching } from '../render/described-files.ts'
import { layFiles, plainPath } from '../render/kustomize.ts'
import { isMapping } from '../render/read-manifests.ts'
import { clusterDescriptionOf } from '../render/render.ts'
import type { RenderRequest } from '../render/render-request.ts'
import { variableObjects } from '../render/variables.ts'
import { valuesOf } from './values.ts'

export type ChartFolder = {
  /** Of this run alone. */
  root: string
  chart: string
  /** In the order in which later ones win. */
  values: string[]
}

/** For as long as the work takes. */
export async function withChart<Result>(
  request: RenderRequest,
  description: HelmDescription,
  work: (folder: ChartFolder) => Promise<Result>,
): Promise<Result> {
  const { files } = request
  const chart = chartPath(request, description)
  const values = valueFiles(request, description)
  const root = await mkdtemp(join(await realpath(tmpdir()), 'trunkline-helm-'))
  try {
    const repository = join(root, 'repository')
    await layFiles(repository, files)
    const own = join(root, 'trunkline.json')
    await writeFile(own, JSON.stringify(ownValues(request, description, chart)), { mode: 0o600 })
    return await work({
      root,
      chart: join(repository, chart),
      values: [...values.map((path) => join(repository, path)), own],
    })
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

/** Of the folder in the repository. */
export function chartPath({ files, project, environment, service }: RenderRequest, { chart }: HelmDescription): string {
  const path = plainPath(fillIn(chart, { project, environment, service }))
  if (files.has(join(path, 'Chart.yaml'))) return path
  throw usageError('CHART_MISSING', `${service} is described by the chart ${path}, and there is no Chart.yaml in it`, {
    hint: 'name the folder of the chart, from the root of the repository',
    location: { file: join(path, 'Chart.yaml') },
  })
}

function valueFiles({ files, project, environment, service }: RenderRequest, { values }: HelmDescription): string[] {
  return values.flatMap((pattern) => {
    const wanted = fillIn(pattern, { project, environment, service })
    const found = pathsMatching(wanted, [...files.keys()])
    if (found.length > 0) return found
    throw usageError('VALUES_MISSING', `${service} takes values from ${wanted}, and no file is there`, {
      hint: 'paths begin at the root of the repository, not in the chart',
    })
  })
}

function ownValues(request: RenderRequest, description: HelmDescription, chart: string) {
  const { service, desired, imageOf, files } = request
  return valuesOf({
    set: description.set,
    image: description.image,
    digest: desired.artifact,
    reference: imageOf(desired.artifact, service),
    variables: takesOurs(files, chart) ? variableNames(request) : null,
  })
}

/** For charts that name them themselves. */
function variableNames(request: RenderRequest) {
  const { kind } = clusterDescriptionOf(request.desired.run).variables
  const { configMap, secret, hasPlain, hasSecret } = variableObjects(request)
  return {
    configMap: kind === 'named' || (kind === 'inject' && hasPlain) ? configMap.metadata.name : null,
    secret: kind === 'named' || (kind === 'inject' && hasSecret) ? secret.metadata.name : null,
  }
}

/** A schema may allow no values but those it names. */
function takesOurs(files: DeployFiles, chart: string): boolean {
  const schema = files.get(join(chart, 'values.schema.json'))
  if (schema === undefined) return true
  try {
    const read: unknown = JSON.parse(new TextDecoder().decode(schema))
    if (!isMapping(read) || read['additionalProperties'] !== false) return true
    return isMapping(read['properties']) && Object.hasOwn(read['properties'], 'trunkline')
  } catch {
    // Helm says what is wrong with it.
    return true
  }
}
