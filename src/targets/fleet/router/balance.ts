/**
 * Which backend takes the next request: smooth weighted round robin (nginx's), in which a backend's claim shrinks as
 * its requests pile up. Idle backends share exactly by weight, also when requests come one by one (a canary of 10%
 * gets every tenth); a slow one gets less than its share before it drowns.
 */
export type Balanced = {
  /** Its weight over the mean weight of the candidates; > 0. */
  share: number
  /** What it is owed: 0 when the set of candidates is made, and 0 in sum ever after. */
  credit: number
  inFlight: number
}

/** Chooses and notes the choice in the credits; null where there is no candidate. */
export function chooseNext<B extends Balanced>(candidates: readonly B[]): B | null {
  let best: B | null = null
  let total = 0
  for (const candidate of candidates) {
    const { share, inFlight } = candidate
    // Load counts relative to the share: under equal latency the split stays proportional at any concurrency.
    const claim = (share * share) / (share + inFlight)
    candidate.credit += claim
    total += claim
    if (best === null || candidate.credit > best.credit) best = candidate
  }
  if (best !== null) best.credit -= total
  return best
}

/** Works out the shares of a set of candidates from their weights (all > 0). */
export function shareOut(candidates: ReadonlyArray<Balanced & { weight: number }>): void {
  const mean = candidates.reduce((sum, { weight }) => sum + weight, 0) / candidates.length
  for (const candidate of candidates) candidate.share = candidate.weight / mean
}
