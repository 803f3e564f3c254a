import { type DeploymentStep, type Digest, type Release, TrunklineError } from '../../model/index.ts'
import type { ArtifactStore } from '../../ports/index.ts'
import type { Engine } from '../engine.ts'
import { runGraph } from '../step-graph.ts'

/** A few round trips each, most of it waiting. */
const concurrency = 16

/**
 * Names a release's artifacts in the store, for people. Where one place holds all services a tag names its service
 * (`carts-v1.0.0`); in a repository of the service's own it does not (`v1.0.0`).
 */
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
        const whole = engine.world.artifacts
        const shared = names.filter((name) => whole.forService(name) === whole)
        const tags = shared.flatMap((name) => step.tags.map((tag) => `${name}-${tag}`))
        if (tags.length > 0) await tagUnlessGone(engine, whole, artifact, tags, each)
        for (const name of names) {
          if (!shared.includes(name)) await tagUnlessGone(engine, whole.forService(name), artifact, step.tags, each)
        }
        return true
      },
    },
  )
}

/** Bytes that the store has lost cannot be named. Who needs them says so; what runs already does not. */
async function tagUnlessGone(
  engine: Engine,
  store: ArtifactStore,
  artifact: Digest,
  tags: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  try {
    await store.tag(artifact, tags, signal)
  } catch (error) {
    if (!(error instanceof TrunklineError) || error.code !== 'ARTIFACT_MISSING') throw error
    engine.world.progress({ kind: 'note', message: `not named ${tags.join(', ')}: ${error.message}` })
  }
}
