/** What was changed by hand: found by the program itself, which asks every resource how it is. */
import { erroredError } from '../../model/index.ts'
import type { Drift, PlanContext, RolloutRequest } from '../../ports/index.ts'
import { makePlan } from './apply.ts'
import { type DriftedResource, driftedIn } from './plan-file.ts'
import { type Place, withModule } from './workspace.ts'

/** Changes nothing, and needs no lock. */
const onlyLooking = ['-refresh-only', '-lock=false']

export async function driftOf(
  place: Place,
  request: RolloutRequest,
  { artifacts, signal }: PlanContext,
): Promise<Drift[]> {
  const { service } = request
  const made = await withModule(place, request, { artifacts, signal }, (workspace) =>
    makePlan(place, workspace, signal, onlyLooking),
  )
  if (!made.ok) {
    const why = made.reasons[0]?.message ?? 'it does not say why'
    throw erroredError('DRIFT_UNKNOWN', `${place.program.name} cannot tell what was changed of ${service}: ${why}`)
  }
  return driftedIn(made.plan).map((resource) => asDrift(service, resource))
}

const asDrift = (service: string, { address, isGone, fields }: DriftedResource): Drift => ({
  service,
  subject: address,
  fields: isGone ? [] : fields.map(({ path, expected, actual }) => ({ path, expected, actual, by: null })),
})
