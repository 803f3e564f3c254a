/** A tool of the project's own, run in a clean checkout of the commit that is deployed, to bring a service where it runs. */
import type { Verdict } from '../../model/index.ts'
import type { CheckoutWork } from '../../ports/index.ts'
import { prepareOf } from '../release/study.ts'
import type { StepContext } from './step-context.ts'

export async function runInCheckout(
  { secrets, ...work }: CheckoutWork,
  { run, signal, log }: StepContext,
): Promise<Verdict> {
  const { commit } = run.candidate
  const prepare = await prepareOf(run.engine, commit)
  const hidden = [...run.gathered.secrets, ...secrets]
  return await run.engine.world.builder.runInCheckout({ ...work, commit, prepare }, { signal, log, secrets: hidden })
}
