/** Pure: whether those whose signatures count can still give them. The configuration's own checks know no clock. */
import type { EnvironmentPolicy, Project, SigningKey } from '../model/index.ts'
import type { Finding } from './finding.ts'

const about = 'trust'
const dayMs = 24 * 60 * 60 * 1000
/** A key that ends sooner is worth a word: people need time to bring the next one to trunk. */
const soonMs = 14 * dayMs

/** The part of a project that says whose word counts. */
export type SigningPolicy = Pick<Project, 'builders' | 'people'> & {
  environments: Readonly<Record<string, Approvable>>
}
type Approvable = Pick<EnvironmentPolicy, 'name' | 'approval'>

export function examineSigners(project: SigningPolicy, nowMs: number): Finding[] {
  return [
    ...examineBuilders(project, nowMs),
    ...Object.values(project.environments).flatMap((environment) => examineApprovers(project, environment, nowMs)),
  ]
}

function examineBuilders({ builders }: SigningPolicy, nowMs: number): Finding[] {
  const able = builders.filter(({ ssh }) => ssh.some((key) => countsAt(key, nowMs)))
  if (able.length === 0) {
    const message = 'no key of a builder counts today: nothing can be delivered'
    return [{ about, verdict: 'bad', message, hint: 'bring a builder’s new key to trunk: docs/signatures.md' }]
  }
  return builders.flatMap(({ name, ssh }): Finding[] => {
    const end = endOf(ssh)
    if (end === null || end > nowMs + soonMs) return []
    const verb = end > nowMs ? 'ends' : 'ended'
    const message = `the last key of builder ${name} ${verb} ${dayOf(end)}: what it signs from then on does not count`
    return [{ about, verdict: 'note', message, hint: 'list its next key beside the old one: docs/signatures.md' }]
  })
}

/** Approvals count from those alone who have a key now. */
function examineApprovers(project: SigningPolicy, { name, approval }: Approvable, nowMs: number): Finding[] {
  if (approval === null) return []
  const able = ableToApprove(project, approval.by, nowMs)
  if (able.size < approval.quorum) {
    const who = able.size === 0 ? 'nobody who may approve' : `only ${[...able].join(', ')} of those who may approve`
    const message = `${name} cannot be approved: ${who} has a key that counts today, and it takes ${approval.quorum}`
    return [{ about, verdict: 'bad', message, hint: 'give them a key under `people` in trunkline.yaml on trunk' }]
  }
  if (!approval.notAuthor || able.size > approval.quorum) return []
  const message = `changes by ${[...able].join(', ')} cannot be approved for ${name}: authors do not count there, and too few others may approve`
  return [{ about, verdict: 'note', message, hint: 'name one more person under approval.by' }]
}

function ableToApprove({ people }: SigningPolicy, by: readonly string[], nowMs: number): Set<string> {
  const groups =
    by.length === 0 ? Object.keys(people) : by.flatMap((entry) => (entry.startsWith('@') ? entry.slice(1) : []))
  const named = new Set(by.map((entry) => entry.toLowerCase()))
  const able = new Set<string>()
  for (const [group, members] of Object.entries(people)) {
    for (const { email, ssh } of members) {
      const mayApprove = groups.includes(group) || named.has(email.toLowerCase())
      if (mayApprove && ssh.some((key) => countsAt(key, nowMs))) able.add(email.toLowerCase())
    }
  }
  return able
}

const countsAt = ({ fromMs, untilMs }: SigningKey, nowMs: number): boolean =>
  fromMs <= nowMs && (untilMs === null || nowMs < untilMs)

/** When the last of these keys ends; null where one does not, or there is none. */
function endOf(keys: readonly SigningKey[]): number | null {
  const ends = keys.map(({ untilMs }) => untilMs)
  return ends.length === 0 || ends.includes(null) ? null : Math.max(...ends.flatMap((end) => end ?? []))
}

const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10)
