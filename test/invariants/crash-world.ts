/** One delivery that can be killed at every step boundary and at every single effect of its target. */

import { join } from 'node:path'
import { currentProcess, livenessOf } from '../../src/process/index.ts'
import { type FileTarget, openFileTarget } from '../fixtures/file-target.ts'
import { type BenchPlace, type Controller, type ControllerOptions, openController } from '../fixtures/world.ts'

export type CrashAction = 'deliver' | 'rollback'

/** Acts as a process that its neighbours can see dead; calls `onPoint` wherever it may die. */
export async function openMortal(
  place: BenchPlace,
  onPoint: (point: string) => Promise<void> | void,
  options: ControllerOptions = {},
): Promise<Controller> {
  const targets = new Map<string, FileTarget>()
  const controller = await openController(place, {
    holder: currentProcess(),
    isHolderDead: (holder) => livenessOf(holder) === 'dead',
    target: async ({ name }) => {
      const known = targets.get(name) ?? openFileTarget(join(place.directory, 'targets', `${name}.json`), name)
      targets.set(name, known)
      known.onEffect = (effect) => onPoint(`effect ${effect}`)
      return known
    },
    ...options,
  })
  // One step after the other, so that a point has the same number in every run.
  controller.engine.concurrency = 1
  controller.onBoundary = onPoint
  return controller
}

export const act = (controller: Controller, action: CrashAction) =>
  action === 'deliver' ? controller.deliver('main') : controller.rollback('stage', { force: ['migrate'] })
