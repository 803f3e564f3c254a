/** Pure: what the builder is told for one check or build. */
import type { Digest, ServiceName } from '../../model/index.ts'
import type { BuildStep, CheckStep } from '../../planning/index.ts'
import { ownerOf } from '../../planning/index.ts'
import { preparesNothing, type SelectedInput } from '../../planning/inputs/index.ts'
import type { BuildRequest, CheckRequest, InputFile, WorkRequest } from '../../ports/index.ts'
import type { Study } from './study.ts'

export function checkRequest(study: Study, step: CheckStep): CheckRequest {
  const service = study.project.services[step.service]
  const check = service?.checks[step.check]
  const selected = study.selection[step.service]
  if (service === undefined || check === undefined || selected === undefined) throw new Error(`no check ${step.id}`)
  return {
    ...shared(study, step.service),
    files: inputFiles([...selected.inputs, ...selected.checkInputs]),
    env: check.env,
    needs: {},
    timeoutMs: check.timeoutMs,
    check: step.check,
    run: check.run,
    hash: step.hash,
  }
}

/** Of a service without a build of its own making the time limit is never used: packing is ours. */
const packingTimeoutMs = 15 * 60_000

export function buildRequest(study: Study, step: BuildStep, artifacts: Record<ServiceName, Digest>): BuildRequest {
  const service = study.project.services[step.service]
  const selected = study.selection[step.service]
  if (service === undefined || selected === undefined) throw new Error(`no build ${step.id}`)
  const needs: Record<ServiceName, Digest> = {}
  for (const base of service.needs) {
    const digest = artifacts[ownerOf(study.project, base)]
    if (digest === undefined) throw new Error(`${step.id} started before ${base} was built`)
    needs[base] = digest
  }
  return {
    ...shared(study, step.service),
    ...(preparesNothing(service) && { prepare: null }),
    files: inputFiles(selected.inputs),
    env: service.build?.env ?? { set: {}, pass: [] },
    needs,
    timeoutMs: service.build?.timeoutMs ?? packingTimeoutMs,
    run: service.build?.run ?? null,
    ...(service.build?.esbuild && { esbuild: service.build.esbuild }),
    recipe: service.artifact,
    hash: step.hash,
  }
}

const shared = (study: Study, service: ServiceName): Pick<WorkRequest, 'commit' | 'service' | 'prepare' | 'tools'> => ({
  commit: study.commit.id,
  service,
  prepare: study.prepare,
  tools: study.project.tools,
})

/** Each path once; a file that counts as a whole anywhere is laid down whole. */
function inputFiles(selected: Iterable<SelectedInput>): InputFile[] {
  const files = new Map<string, InputFile>()
  for (const { entry, keys } of selected) {
    const known = files.get(entry.path)
    if (known === undefined) files.set(entry.path, keys === undefined ? entry : { ...entry, keys })
    else if (keys === undefined) files.set(entry.path, entry)
  }
  return [...files.values()]
}
