/** Stands in the place of `src/targets/index.ts` for commands that a test runs (see preload/platform.ts). */
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TargetConfig } from '../../src/model/index.ts'
import type { Target } from '../../src/ports/index.ts'
import type { TargetSurroundings } from '../../src/targets/index.ts'
import { openFileTarget } from '../fixtures/file-target.ts'

/** Where a process and its death have time to meet. */
const effectMs = Number(process.env['CRASH_EFFECT_MS'] ?? 10)

export async function openTarget(_config: TargetConfig, { environment }: TargetSurroundings): Promise<Target> {
  const folder = process.env['CRASH_PLATFORM']
  if (folder === undefined) throw new Error('CRASH_PLATFORM names the folder of the platform')
  const target = openFileTarget(join(folder, `${environment}.json`), environment)
  target.onEffect = async () => {
    await sleep(effectMs)
  }
  target.onJob = async (job) => {
    const line = `${environment} ${job.name} ${job.key}\n`
    await appendFile(join(folder, 'jobs'), line)
    await sleep(effectMs)
    // A moment to die at in the middle of a job: then nobody can say how it ended.
    await appendFile(join(folder, 'ended-jobs'), line)
    return 0
  }
  return target
}
