/** Where each service has a repository of its own: what it runs is brought there, whoever it was built for. */
import type { Digest, Project, ServiceName } from '../../model/index.ts'
import { ownerOf } from '../../planning/index.ts'
import type { Engine } from '../engine.ts'
import { runGraph } from '../step-graph.ts'

const concurrency = 8

/** A service that runs another's artifact, or whose bytes another service's build made first. Idempotent. */
export async function placeArtifacts(
  engine: Engine,
  project: Project,
  /** Of services that have one of their own. */
  artifacts: Readonly<Record<ServiceName, Digest>>,
  signal: AbortSignal,
): Promise<void> {
  const whole = engine.world.artifacts
  const services = Object.keys(project.services).flatMap((name) => {
    const digest = artifacts[ownerOf(project, name)]
    return digest === undefined || whole.forService(name) === whole ? [] : [[name, digest] as const]
  })
  if (services.length === 0) return
  await runGraph(
    services.map(([name, digest]) => ({ id: name, needs: [], digest })),
    {
      concurrency,
      signal,
      run: async ({ id: name, digest }, until) => {
        const own = whole.forService(name)
        if (await own.has(digest, until)) return true
        const { copyArtifact } = await import('../../artifacts/copy-artifact.ts')
        const service = await holderOf(engine, project, name, digest, until)
        await copyArtifact({ digest, from: whole.forService(service), service, to: own }, until)
        return true
      },
    },
  )
}

/** Whose part has it: mostly that of the service that it was built for. */
async function holderOf(
  { world }: Engine,
  project: Project,
  name: ServiceName,
  digest: Digest,
  signal: AbortSignal,
): Promise<ServiceName> {
  const likely = ownerOf(project, name)
  for (const service of new Set([likely, ...Object.keys(project.services)])) {
    if (await world.artifacts.forService(service).has(digest, signal)) return service
  }
  return likely
}
