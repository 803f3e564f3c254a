/** Controllers that die at a call to AWS: the call is carried out, and whoever made it does nothing any more. */
import { refusedError } from '../../src/model/index.ts'
import type { AwsFaults } from '../parts/aws/faults.ts'

/**
 * Runs `work` until its call number `call` (from 0) that matches; its signal ends then as if another controller had the
 * lease, so that nothing is let go and nothing taken back. Whether it died; false: it was through before.
 */
export async function diesAt(
  faults: AwsFaults,
  { action, call }: { action: RegExp; call: number },
  work: (signal: AbortSignal) => Promise<unknown>,
): Promise<boolean> {
  const dead = new AbortController()
  const dying = faults.death(action, call).then((isDead) => {
    if (isDead) dead.abort(refusedError('LEASE_LOST', 'this controller is dead'))
    return isDead
  })
  try {
    await work(dead.signal)
  } catch (error) {
    if (!dead.signal.aborted) throw error
  } finally {
    faults.clear()
  }
  return await dying
}
