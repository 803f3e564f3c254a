/** The hosts over SSH of an environment's fleets: the way to each, and how it is there. */
import type { EnvironmentPolicy } from '../model/index.ts'
import { bad, type Finding } from './finding.ts'

const littleBytes = 1024 ** 3
const manyMs = 5000

export async function examineHosts(policy: EnvironmentPolicy, signal: AbortSignal): Promise<Finding[]> {
  const names = Object.values(policy.targets).flatMap((target) => (target.kind === 'fleet' ? target.fleet.hosts : []))
  const remote = [...new Set(names)].filter((name) => name !== 'local')
  return (await Promise.all(remote.map((name) => examine(name, signal)))).flat()
}

async function examine(name: string, signal: AbortSignal): Promise<Finding[]> {
  const about = `host ${name}`
  const [{ sshHost }, { examineHost }] = await Promise.all([
    import('../targets/fleet/open-hosts.ts'),
    import('../targets/fleet/ssh/examine-host.ts'),
  ])
  try {
    const host = sshHost(name)
    if (host === null) return []
    const found = await examineHost(host, signal)
    if (found.kind !== 'there') {
      const message =
        found.kind === 'nothing-there'
          ? 'answers, and its key is known; the agent is not there yet'
          : 'answers, and its key is known; its agent is of another version'
      return [{ about, verdict: 'note', message, hint: `trunkline agent bootstrap ${name}, or the next deployment` }]
    }
    const { version, node, freeBytes, clockAheadMs } = found
    const free = `${(freeBytes / 1024 ** 3).toFixed(1)} GiB free`
    const findings: Finding[] = [
      { about, verdict: 'good', message: `answers, and its key is known; Trunkline ${version}, Node ${node}, ${free}` },
    ]
    if (freeBytes < littleBytes) {
      findings.push({ about, verdict: 'note', message: `little room: ${free}`, hint: 'artifacts and logs need it' })
    }
    if (Math.abs(clockAheadMs) > manyMs) {
      const seconds = Math.round(Math.abs(clockAheadMs) / 1000)
      const message = `its clock is ${seconds} s ${clockAheadMs > 0 ? 'ahead of' : 'behind'} this one`
      findings.push({ about, verdict: 'note', message, hint: 'times in its logs are off; set it by NTP' })
    }
    return findings
  } catch (error) {
    return [bad(about, error)]
  }
}
