/** Services as controllers and people see them. */
import type { InstancePhase } from '../../../rollout/index.ts'
import type { Host } from './host.ts'
import type { Instance, RouterView } from './instance.ts'
import type { InstanceStatus, Scope, ServiceStatus, StableGeneration, Template } from './protocol.ts'
import { type GroupUsage, usageOfGroups } from './resource-usage.ts'
import { isPreviewed } from './routes.ts'
import type { Routing } from './routing.ts'
import { previewKey, serviceKey } from './scope-keys.ts'
import type { Supervisor } from './supervisor.ts'

/** Reading all of `/proc` is not free: figures are this old at most. */
const usageAgeMs = 2000

export class ServiceStatuses {
  private readonly host: Host
  private readonly supervisor: Supervisor
  private readonly routing: Routing
  private readonly revisions = new Map<string, { text: string; revision: number }>()
  private usage = new Map<number, GroupUsage & { cpuPercent: number | null }>()
  private usageAtMs = Number.NEGATIVE_INFINITY

  constructor(host: Host, supervisor: Supervisor, routing: Routing) {
    this.host = host
    this.supervisor = supervisor
    this.routing = routing
  }

  statusOf(scope: Scope, service: string): ServiceStatus {
    this.refreshUsage()
    const key = serviceKey(scope, service)
    const { record, instances } = this.supervisor.service(scope, service)
    const stable = record.generations[record.stable ?? '']
    const statuses = instances.map((instance) =>
      this.instanceStatus(instance, this.routing.view(key, instance.record.id)),
    )
    const content = {
      stable: stable ? withoutContent(stable) : null,
      address: record.address,
      split: record.split,
      preview: isPreviewed(record) ? this.routing.addressOf(previewKey(key)) : null,
      inPlace: stable?.lifecycle || record.change !== null ? { isChanging: record.change !== null } : null,
    }
    return {
      service,
      revision: this.revisionOf(key, { ...content, statuses: statuses.map(withoutUsage) }),
      nowMs: this.host.clock.now(),
      ...content,
      instances: statuses,
    }
  }

  private instanceStatus(instance: Instance, router: RouterView): InstanceStatus {
    const { record, pid } = instance
    const usage = pid === null ? undefined : this.usage.get(pid)
    return {
      id: record.id,
      generation: record.template.generation,
      artifact: record.template.artifact,
      phase: phaseOf(instance, router),
      weight: record.traffic === 'none' ? 0 : 1,
      // A drain the router has not confirmed yet may still have requests under way.
      inFlight: record.port === null ? 0 : (router.inFlight ?? 1),
      startedAtMs: record.createdAtMs,
      notHealthySinceMs: record.notHealthySinceMs,
      drainingSinceMs: record.drainingSinceMs,
      exits: record.exits,
      pid,
      port: record.port,
      rssBytes: usage?.rssBytes ?? null,
      cpuPercent: usage?.cpuPercent ?? null,
      lastEnd: record.lastEnd,
    }
  }

  private revisionOf(key: string, content: object): number {
    const text = JSON.stringify(content)
    const known = this.revisions.get(key)
    if (known?.text === text) return known.revision
    const revision = (known?.revision ?? 0) + 1
    this.revisions.set(key, { text, revision })
    return revision
  }

  private refreshUsage(): void {
    const nowMs = this.host.clock.monotonicMs()
    const elapsedMs = nowMs - this.usageAtMs
    if (elapsedMs < usageAgeMs) return
    const pids = new Set(this.supervisor.live().flatMap((instance) => instance.pid ?? []))
    const before = this.usage
    this.usage = new Map(
      [...usageOfGroups(pids)].map(([pid, usage]) => {
        const earlier = before.get(pid)
        const usedSeconds = earlier ? usage.cpuSeconds - earlier.cpuSeconds : null
        const cpuPercent = usedSeconds === null ? null : Math.max(0, Math.round((usedSeconds / elapsedMs) * 100_000))
        return [pid, { ...usage, cpuPercent }]
      }),
    )
    this.usageAtMs = nowMs
  }
}

function phaseOf({ record, pid }: Instance, router: RouterView): InstancePhase {
  if (record.traffic === 'stopping') return 'stopped'
  if (record.traffic === 'draining') return 'draining'
  if (record.notHealthySinceMs === null && pid !== null) return 'healthy'
  return record.exits > 0 || router.health === 'unhealthy' ? 'unhealthy' : 'starting'
}

/** Without what instances are given: that is nobody's business outside this host. */
const withoutContent = (template: Template): StableGeneration => ({
  generation: template.generation,
  desiredGeneration: template.desiredGeneration,
  fingerprint: template.fingerprint,
  artifact: template.artifact,
  replicas: template.replicas,
  startTimeoutMs: template.startTimeoutMs,
  drainTimeoutMs: template.drainTimeoutMs,
})

const withoutUsage = ({ rssBytes: _rss, cpuPercent: _cpu, ...rest }: InstanceStatus): object => rest
