/** Vulnerability scans of artifacts, as a store has them made. */

/** From harmless to worst. */
export const scanSeverities = ['undefined', 'informational', 'low', 'medium', 'high', 'critical'] as const
export type ScanSeverity = (typeof scanSeverities)[number]

export type ScanPolicy = {
  /** Findings must be below this. */
  below: ScanSeverity
  /** How long after it was put an artifact may be without a scan. */
  waitMs: number
}

export type ScanFinding = {
  /** `CVE-2026-0001` */
  id: string
  severity: ScanSeverity
  packageName: string | null
}

export type ScanReport =
  | { kind: 'complete'; findings: ScanFinding[] }
  /** ms since the epoch: when it was put, where that is known. */
  | { kind: 'pending'; sinceMs: number | null }
  /** No image: there is nothing that could be scanned. */
  | { kind: 'exempt' }
  | { kind: 'unavailable'; why: string }
