/**
 * Which backend takes the next request. Weights are kept exactly, however slow a backend is: a canary of 10 % gets every
 * tenth request, also when they come one by one. Among backends of equal weight a claim shrinks as requests pile up: a
 * slow one gets fewer before it drowns. Both by smooth weighted round robin (nginx's).
 */
export type Balanced = {
  /** What it is owed: 0 when the set of candidates is made, and 0 in sum over its group ever after. */
  credit: number
  inFlight: number
}

/** Candidates of equal weight. */
export type Group<B extends Balanced> = {
  readonly members: readonly B[]
  /** Of one member. */
  readonly each: number
  /** Of all of them together. */
  readonly weight: number
  credit: number
}

/** The candidates (all weights > 0) by weight. */
export function groupByWeight<B extends Balanced & { weight: number }>(candidates: readonly B[]): Group<B>[] {
  return [...Map.groupBy(candidates, ({ weight }) => weight)].map(([each, members]) => ({
    members,
    each,
    weight: each * members.length,
    credit: 0,
  }))
}

/** Chooses and notes the choice in the credits; null where there is no candidate. */
export function chooseNext<B extends Balanced>(groups: readonly Group<B>[]): B | null {
  const [only] = groups
  if (only === undefined) return null
  return chooseAmong(groups.length === 1 ? only.members : chooseGroup(groups, only).members)
}

function chooseGroup<B extends Balanced>(groups: readonly Group<B>[], first: Group<B>): Group<B> {
  let best = first
  let total = 0
  for (const group of groups) {
    group.credit += group.weight
    total += group.weight
    if (group.credit > best.credit) best = group
  }
  best.credit -= total
  return best
}

function chooseAmong<B extends Balanced>(members: readonly B[]): B | null {
  let best: B | null = null
  let total = 0
  for (const member of members) {
    const claim = 1 / (1 + member.inFlight)
    member.credit += claim
    total += claim
    if (best === null || member.credit > best.credit) best = member
  }
  if (best !== null) best.credit -= total
  return best
}
