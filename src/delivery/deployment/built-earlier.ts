/** A commit that built nothing can be promoted all the same: whoever promotes it is told whose builds these are. */
import { readRecords, type Snapshot } from '../../ledger/index.ts'
import { type CommitId, type Reason, reason } from '../../model/index.ts'
import type { Engine } from '../engine.ts'
import type { DeployRequest } from './deploy-request.ts'

const maxBuilds = 3

/** Null where something was built for the very commit, or nobody knows any more what was. */
export async function builtEarlier(
  engine: Engine,
  { candidate, inputHashes, policy, trigger }: DeployRequest,
  snapshot: Snapshot,
): Promise<Reason | null> {
  // A person who deploys by hand has named what goes there.
  if (trigger !== 'route') return null
  const { builds } = await readRecords(engine.ledger, snapshot, { builds: Object.values(inputHashes), checks: [] })
  const servicesOf = new Map<CommitId, string[]>()
  for (const [service, hash] of Object.entries(inputHashes)) {
    const commit = builds.get(hash)?.commit
    if (commit !== undefined) servicesOf.set(commit, [...(servicesOf.get(commit) ?? []), service])
  }
  if (servicesOf.size === 0 || servicesOf.has(candidate.commit)) return null
  const commits = [...servicesOf.keys()]
  const told = commits.slice(0, maxBuilds).map((commit) => commit.slice(0, 7))
  const more = commits.length > maxBuilds ? ` and ${commits.length - maxBuilds} more` : ''
  return reason(
    'built-earlier',
    `nothing was built for ${candidate.commit.slice(0, 7)}: ${policy.name} runs what was built at ${told.join(', ')}${more}`,
    commits.length === 1 && commits[0] !== undefined ? { commit: commits[0] } : {},
  )
}
