import { type DeploymentStep, type Digest, type Release, TrunklineError } from '../model/index.ts'
import type { Engine } from './engine.ts'
import { runGraph } from './step-graph.ts'

/** A few round trips each, most of it waiting. */
const concurrency = 16

/** Names a release's artifacts in the store, for people. One store holds all services, so a tag names its service: `carts-v1.0.0`. */
export async function tagArtifacts(
  engine: Engine,
  release: Release,
  step: Extract<DeploymentStep, { kind: 'tag' }>,
  signal: AbortSignal,
): Promise<void> {
  const services = Object.entries(release.services)
  await runGraph(
    step.artifacts.map((artifact) => ({ id: artifact, needs: [] })),
    {
      concurrency,
      signal,
      run: async ({ id: artifact }, each) => {
        const names = services.filter(([, service]) => service.artifact === artifact).map(([name]) => name)
        const tags = names.flatMap((name) => step.tags.map((tag) => `${name}-${tag}`))
        await tagUnlessGone(engine, artifact, tags, each)
        return true
      },
    },
  )
}

/** Bytes that the store has lost cannot be named. Who needs them says so; what runs already does not. */
async function tagUnlessGone(
  engine: Engine,
  artifact: Digest,
  tags: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  try {
    await engine.world.artifacts.tag(artifact, tags, signal)
  } catch (error) {
    if (!(error instanceof TrunklineError) || error.code !== 'ARTIFACT_MISSING') throw error
    engine.world.progress({ kind: 'note', message: `not named ${tags.join(', ')}: ${error.message}` })
  }
}
