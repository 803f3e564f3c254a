/** Health checks of the agent's own, for routers that are not ours: the same rules as those of our router. */

import { type ProbeLoop, type ProbeResult, startProbing } from '../router/health-check.ts'
import type { BackendSpec, BackendStatus, ServiceSpec } from '../router/index.ts'
import { maxProbeFailures } from '../router/limits.ts'

type Watched = { spec: BackendSpec; state: BackendStatus['state']; failures: number; probes: ProbeLoop }

export class WatchedBackends {
  private readonly services = new Map<string, Map<string, Watched>>()
  /** Told of a service whose backends have become well or unwell. */
  private readonly onChange: (key: string) => void

  constructor(onChange: (key: string) => void) {
    this.onChange = onChange
  }

  /** From now on exactly these of a service are looked after. */
  watch(key: string, backends: readonly BackendSpec[]): void {
    const before = this.services.get(key) ?? new Map<string, Watched>()
    const now = new Map<string, Watched>()
    for (const spec of backends) {
      const known = before.get(spec.id)
      const isSame = known !== undefined && known.spec.host === spec.host && known.spec.port === spec.port
      if (isSame) known.spec = spec
      now.set(spec.id, isSame ? known : this.begin(key, spec))
    }
    for (const [id, watched] of before) if (now.get(id) !== watched) watched.probes.stop()
    this.services.set(key, now)
  }

  forget(key: string): void {
    for (const { probes } of this.services.get(key)?.values() ?? []) probes.stop()
    this.services.delete(key)
  }

  stateOf(key: string, id: string): BackendStatus['state'] {
    return this.services.get(key)?.get(id)?.state ?? 'starting'
  }

  /**
   * Who shall have requests: those with a weight that are not known to be unwell. Where all are, all of them: taking
   * the last one out helps nobody. One that has not been asked yet was well when its agent was replaced.
   */
  chosenOf(key: string, spec: ServiceSpec): BackendSpec[] {
    const wanted = spec.backends.filter(({ weight, drain }) => weight > 0 && !drain)
    const well = wanted.filter(({ id }) => this.stateOf(key, id) !== 'unhealthy')
    return well.length > 0 ? well : wanted
  }

  close(): void {
    for (const key of [...this.services.keys()]) this.forget(key)
  }

  private begin(key: string, spec: BackendSpec): Watched {
    const { host, port } = spec
    const watched: Watched = {
      spec,
      state: 'starting',
      failures: 0,
      probes: startProbing({
        host,
        port,
        check: () => watched.spec.health,
        state: () => watched.state,
        report: (result) => {
          const before = watched.state
          takeProbe(watched, result)
          if (watched.state !== before) this.onChange(key)
        },
      }),
    }
    return watched
  }
}

function takeProbe(watched: Watched, result: ProbeResult): void {
  watched.failures = result.ok ? 0 : watched.failures + 1
  if (result.ok) watched.state = 'healthy'
  else if (watched.state === 'healthy' && (result.refused || watched.failures >= maxProbeFailures)) {
    watched.state = 'unhealthy'
  }
}

/** Weights as whole numbers from 1 to `max`, in the same proportions as nearly as that allows. */
export function wholeWeights(backends: readonly BackendSpec[], max: number): Map<string, number> {
  const highest = Math.max(...backends.map(({ weight }) => weight))
  const isWhole = highest <= max && backends.every(({ weight }) => Number.isInteger(weight))
  const scale = isWhole ? 1 : max / highest
  return new Map(backends.map(({ id, weight }) => [id, Math.max(1, Math.round(weight * scale))]))
}
