/** Pure: do the findings of vulnerability scans let this release in? */
import type { EnvironmentPolicy, Reason, ScanFinding, ScanSeverity, ServiceName } from '../model/index.ts'
import { type Digest, reason, type ScanReport, scanSeverities, short } from '../model/index.ts'
import type { GateDecision } from './gates.ts'

export type ScannedService = { service: ServiceName; artifact: Digest; report: ScanReport }

/** A scan under way is looked at again so soon. */
const lookAgainMs = 30_000
/** Named in a refusal; the rest is counted. */
const maxNamed = 5

/** Refuses findings that are too severe, and what cannot be or was not scanned in time; waits while a scan is under way. */
export function scanGate(
  { name, scan }: EnvironmentPolicy,
  scanned: readonly ScannedService[],
  nowMs: number,
): GateDecision {
  if (scan === undefined) return { action: 'deploy', reasons: [], untilMs: null }
  const refusals: Reason[] = []
  const waiting: Reason[] = []
  for (const { service, artifact, report } of scanned) {
    const about = `${service} (${short(artifact)})`
    switch (report.kind) {
      case 'exempt':
        break
      case 'unavailable':
        refusals.push(
          reason('scan-unavailable', `${name} takes only what was scanned, and ${about} was not: ${report.why}`, {
            digest: artifact,
            hint: 'artifacts in ECR are scanned: `artifacts: oci://….dkr.ecr.….amazonaws.com/…` with `aws` and `ecr: {}`',
          }),
        )
        break
      case 'pending': {
        const overdue = report.sinceMs !== null && nowMs - report.sinceMs > scan.waitMs
        if (!overdue) waiting.push(reason('scan-pending', `${about} is being scanned`, { digest: artifact }))
        else refusals.push(overdueReason(name, about, artifact, scan.waitMs))
        break
      }
      case 'complete':
        refusals.push(...tooSevere(name, scan.below, about, artifact, report.findings))
    }
  }
  if (refusals.length > 0) return { action: 'refuse', reasons: refusals, untilMs: null }
  if (waiting.length > 0) return { action: 'wait', reasons: waiting, untilMs: nowMs + lookAgainMs }
  return { action: 'deploy', reasons: [], untilMs: null }
}

const overdueReason = (environment: string, about: string, digest: Digest, waitMs: number): Reason =>
  reason(
    'scan-overdue',
    `${about} was put ${Math.round(waitMs / 60_000)} min ago and more, and has no scan: ${environment} takes only what was scanned`,
    {
      digest,
      hint: 'is scanning on push on for its repository? aws ecr start-image-scan starts one by hand',
    },
  )

function tooSevere(
  environment: string,
  below: ScanSeverity,
  about: string,
  digest: Digest,
  findings: readonly ScanFinding[],
): Reason[] {
  const rank = (severity: ScanSeverity) => scanSeverities.indexOf(severity)
  const severe = findings
    .filter(({ severity }) => rank(severity) >= rank(below))
    .sort((one, other) => rank(other.severity) - rank(one.severity))
  if (severe.length === 0) return []
  const named = severe.slice(0, maxNamed).map(({ id, severity, packageName }) => {
    return `${id}${packageName === null ? '' : ` in ${packageName}`} (${severity})`
  })
  const more = severe.length > named.length ? ` and ${severe.length - named.length} more` : ''
  return [
    reason(
      'scan-findings',
      `${environment} takes only findings below ${below}, and ${about} has ${named.join(', ')}${more}`,
      {
        digest,
        hint: 'build it anew on a base or with packages that are mended; `rebuild` of the service makes it build without a change',
      },
    ),
  ]
}
