/** For `trunkline doctor`: pipelines that are there, that can be told what to bring, and that nobody else starts. */
import type { ServiceName } from '../../model/index.ts'
import type { Examined } from '../../ports/index.ts'
import { executionsOf } from './executions.ts'
import { type Parts, pipelineOf, sayPipeline } from './parts.ts'
import { mayPass, type Pipeline, readPipeline } from './pipeline.ts'
import { objectionsOf, weaknessesOf } from './promises.ts'
import { disabledIn, readStages } from './waits.ts'

export async function examinePipelines(
  parts: Parts,
  services: readonly ServiceName[],
  signal: AbortSignal,
): Promise<Examined[]> {
  return (await Promise.all(services.map((service) => examine(parts, service, signal)))).flat()
}

async function examine(parts: Parts, service: ServiceName, signal: AbortSignal): Promise<Examined[]> {
  const pipeline = await readPipeline(parts, service, signal)
  if (pipeline === null) {
    const hint = 'make it with a stack, or name another (`pipeline`)'
    return [{ isWell: false, message: `${sayPipeline(pipelineOf(parts, service))} is missing`, hint }]
  }
  // What a delivery asks first: who may not look, learns it here.
  const [stages] = await Promise.all([
    readStages(parts, pipeline.name, signal),
    executionsOf(parts, pipeline.name).list(signal),
  ])
  return [
    { isWell: true, message: `${sayPipeline(pipeline.name)} is there` },
    ...objectionsOf(parts, pipeline, { service, env: null }).map(({ message, hint }) => ({
      ...{ isWell: false, message },
      ...(hint === undefined ? {} : { hint }),
    })),
    ...weaknessesOf(parts, pipeline).map((weakness) => ({ isWell: false, ...weakness })),
    ...stages.flatMap((stage) => {
      const disabled = disabledIn(stage)
      return disabled === null ? [] : [{ isWell: false, message: `before ${stage.stageName}: ${disabled}` }]
    }),
    ...leftToPeople(parts, pipeline),
  ]
}

const leftToPeople = (parts: Parts, { approvals }: Pipeline): Examined[] =>
  approvals
    .filter((approval) => {
      const [stage = '', action = ''] = approval.split('/')
      return !mayPass(parts, stage, action)
    })
    .map((approval) => ({ isWell: true, message: `${approval} waits for a person in CodePipeline each time` }))
