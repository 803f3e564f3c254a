import { branchRef } from '../../planning/index.ts'
import type { Engine } from '../engine.ts'
import type { Scene } from '../scene.ts'

/** Whether the commit is on that branch of the remote, as it stands now. */
export async function isReachable(
  engine: Engine,
  scene: Scene,
  branch: string,
  signal?: AbortSignal,
): Promise<boolean> {
  const { source } = engine.world
  const limit = signal ?? new AbortController().signal
  const tip =
    branch === scene.project.trunk && scene.trunk !== null
      ? scene.trunk
      : await source.remoteTip(branchRef(branch), limit)
  if (tip === null) return false
  if (tip === scene.commit.id) return true
  await source.ensureCommit(tip, branchRef(branch), limit)
  return await source.isAncestor(scene.commit.id, tip)
}
