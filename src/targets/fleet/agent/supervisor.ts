/**
 * Keeps every instance that is wanted running, every one that is not ending, and the router told. What is wanted stands
 * in the records; operations change records, and `tick` makes the machine follow them.
 */
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { type RouterConfig, usageError } from '../../../model/index.ts'
import type { RolloutAction } from '../../../rollout/index.ts'
import { missingArtifact } from './agent-errors.ts'
import type { ArtifactCache } from './artifact-cache.ts'
import { findMarked } from './detached-process.ts'
import { choosePort, type Host } from './host.ts'
import { Instance } from './instance.ts'
import { instanceLogRotation, rotateLog } from './log-file.ts'
import { LogTimes } from './log-times.ts'
import type { Address, Scope, Template } from './protocol.ts'
import type { InstanceRecord, ServiceRecord } from './records.ts'
import { previewRoute, publicRoute, routerOf } from './routes.ts'
import type { Route, Routing } from './routing.ts'
import { previewKey, scopeKey, serviceKey } from './scope-keys.ts'
import { ServiceRecords } from './service-records.ts'

/** Ended instances keep their logs, so that a failure can be read about: this many for each service. */
const keptEnded = 4

export type SupervisorParts = {
  host: Host
  artifacts: ArtifactCache
  routing: Routing
  wake: () => void
}

export class Supervisor {
  readonly logTimes = new LogTimes()
  private readonly parts: SupervisorParts
  private readonly services: ServiceRecords
  private readonly instances = new Map<string, Instance>()

  /** Takes over what an earlier agent left: running processes go on running. */
  constructor(parts: SupervisorParts) {
    this.parts = parts
    const { host } = parts
    this.services = new ServiceRecords(host)
    for (const id of readdirSync(host.paths.instances)) {
      const instance = Instance.load(host, id, parts.wake)
      if (instance === null) rmSync(join(host.paths.instances, id), { recursive: true, force: true })
      else this.instances.set(id, instance)
    }
    for (const instance of this.live()) if (this.services.get(keyOf(instance)) === undefined) this.endInstance(instance)
    this.wantRoutes()
  }

  /** One look at everything. */
  async tick(nowMs: number): Promise<void> {
    const { routing, host } = this.parts
    await routing.refresh()
    await Promise.all(
      this.live().map(async (instance) => {
        await instance.tick(nowMs, routing.view(keyOf(instance), instance.record.id))
        for (const path of Object.values(instance.logFiles)) {
          if (rotateLog(path, instanceLogRotation)) host.log(`rotated ${path}`)
          this.logTimes.observe(path, nowMs)
        }
      }),
    )
    this.wantRoutes()
    this.forgetEnded()
  }

  /** Something is on its way: look often. */
  get isBusy(): boolean {
    return this.live().some(
      ({ record }) =>
        record.notHealthySinceMs !== null || record.traffic === 'draining' || record.traffic === 'stopping',
    )
  }

  /** Ends processes that carry this fleet's mark and belong to nothing: an agent died before it could record them. */
  endOrphans(jobMarkers: ReadonlySet<string>): void {
    const { host } = this.parts
    const current = new Set(this.live().map((instance) => instance.currentMarker))
    for (const { pid, marker } of findMarked(host.paths.fleetId)) {
      if (current.has(marker) || jobMarkers.has(marker)) continue
      host.log(`ending process ${pid}: it was started for ${marker}, which is no more`)
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It ended by itself meanwhile.
      }
    }
  }

  service(scope: Scope, service: string): { record: ServiceRecord; instances: Instance[] } {
    const record = this.services.getOrEmpty(scope, service)
    return { record, instances: this.instancesOf(serviceKey(scope, service)) }
  }

  servicesOf(scope: Scope): string[] {
    return this.services.of(scope).map((record) => record.service)
  }

  /** Addresses once given stay, unless the configuration now names another port, or another router. */
  async reserveAddress(
    scope: Scope,
    service: string,
    { host, port: fixedPort, router }: { host: string; port: number | null; router: RouterConfig },
  ): Promise<Address> {
    const record = this.services.getOrEmpty(scope, service)
    const port = fixedPort ?? record.address?.port ?? null
    const key = serviceKey(scope, service)
    const { router: _before, ...route } = this.routeOf(key)
    const wanted = { ...route, listen: { host, port }, ...routerOf({ scope, service, router }) }
    const address = await this.parts.routing.reserve(key, wanted)
    if (!isDeepStrictEqual([record.address, record.router], [address, router])) {
      this.services.put({ ...this.services.getOrEmpty(scope, service), address, router })
    }
    return address
  }

  /** Makes a generation known, and gives those of its instances that are not healthy a fresh start. */
  prepareGeneration(scope: Scope, service: string, template: Template): void {
    if (!this.parts.artifacts.has(template.artifact)) throw missingArtifact(template.artifact)
    const record = this.services.getOrEmpty(scope, service)
    const inUse = new Set(this.instancesOf(serviceKey(scope, service)).map((each) => each.record.template.generation))
    const generations = Object.fromEntries(
      Object.entries(record.generations).filter(
        ([name]) => name === record.stable || inUse.has(name) || name === record.change?.to,
      ),
    )
    this.services.put({ ...record, generations: { ...generations, [template.generation]: template } })
    const nowMs = this.parts.host.clock.now()
    for (const instance of this.instancesOf(serviceKey(scope, service))) {
      if (instance.record.template.generation === template.generation) instance.freshStart(nowMs)
    }
    this.parts.wake()
  }

  /** Carries out what a rollout decided. When it returns, the router has been told. */
  async act(scope: Scope, service: string, actions: readonly RolloutAction[]): Promise<void> {
    for (const action of actions) {
      if (action.kind === 'start') {
        for (let index = 0; index < action.count; index++) await this.createInstance(scope, service, action.generation)
      } else if ('instance' in action) this.direct(scope, service, action)
      else this.divide(scope, service, action)
    }
    await this.tellRouter(serviceKey(scope, service))
    this.parts.wake()
  }

  /** From now on the service goes back to this generation; others are forgotten when their instances are. */
  settle(scope: Scope, service: string, generation: string | null): void {
    const record = this.services.getOrEmpty(scope, service)
    const template = generation === null ? undefined : record.generations[generation]
    if (generation !== null && template === undefined) throw unknownGeneration(service, generation)
    const generations = generation === null || template === undefined ? {} : { [generation]: template }
    this.services.put({ ...record, stable: generation, generations, split: null, change: null })
    this.closePreview(serviceKey(scope, service))
    this.parts.artifacts.collectGarbage(this.artifactsInUse())
  }

  /** Services of a project, or of all, that are deployed in place here. */
  inPlace(project: string | null): ServiceRecord[] {
    return this.services
      .all()
      .filter(({ scope }) => project === null || scope.project === project)
      .filter(({ stable, generations, change }) => change !== null || generations[stable ?? '']?.lifecycle)
  }

  /** A lifecycle is about to begin: until it is settled nothing counts as running in place. */
  beginInPlace(scope: Scope, service: string, to: string | null): ServiceRecord {
    const record = this.services.getOrEmpty(scope, service)
    const begun = { ...record, change: { id: this.parts.host.random.hex(8), to } }
    this.services.put(begun)
    return begun
  }

  /** Ends all of a service at once and gives its address back. */
  async removeService(scope: Scope, service: string): Promise<void> {
    const key = serviceKey(scope, service)
    this.services.delete(key)
    for (const instance of this.instancesOf(key)) this.endInstance(instance)
    this.closePreview(key)
    await this.parts.routing.remove(key)
    this.parts.wake()
  }

  /** Ends all of a project's services, or of all projects. */
  async removeAll(project: string | null): Promise<void> {
    for (const { scope, service } of this.services.all()) {
      if (project === null || scope.project === project) await this.removeService(scope, service)
    }
  }

  /** Instances of a project that have not ended yet. */
  remaining(project: string | null): number {
    return this.live().filter(({ record }) => project === null || record.scope.project === project).length
  }

  /** Drops the logs of ended instances of services that are no more. */
  forgetEndedOf(project: string | null): void {
    for (const [id, { record, folder }] of this.instances) {
      if (record.endedAtMs === null || (project !== null && record.scope.project !== project)) continue
      this.instances.delete(id)
      rmSync(folder, { recursive: true, force: true })
    }
  }

  instancesOf(key: string): Instance[] {
    return this.live().filter((instance) => keyOf(instance) === key)
  }

  /** With those that ended, oldest first: their logs are still here. */
  withEnded(scope: Scope, service: string): Instance[] {
    return [...this.instances.values()]
      .filter(({ record }) => scopeKey(record.scope) === scopeKey(scope) && record.service === service)
      .sort((left, right) => left.record.createdAtMs - right.record.createdAtMs)
  }

  live(): Instance[] {
    return [...this.instances.values()].filter(({ record }) => record.endedAtMs === null)
  }

  private direct(scope: Scope, service: string, action: RolloutAction & { instance: string }): void {
    const instance = this.instances.get(action.instance)
    const isOurs = instance !== undefined && keyOf(instance) === serviceKey(scope, service)
    // What is ending or gone does not come back; the next decision is made on what is observed then.
    if (!isOurs || instance.record.endedAtMs !== null || instance.record.traffic === 'stopping') return
    const nowMs = this.parts.host.clock.now()
    if (action.kind === 'stop') this.endInstance(instance)
    else if (action.kind === 'admit') instance.change({ traffic: 'serving', drainingSinceMs: null })
    else if (instance.record.traffic !== 'draining') instance.change({ traffic: 'draining', drainingSinceMs: nowMs })
  }

  /** How requests are divided, and how far that has been verified: all that is remembered of a rollout in stages. */
  private divide(
    scope: Scope,
    service: string,
    action: Exclude<RolloutAction, { instance: string } | { kind: 'start' }>,
  ) {
    const record = this.services.getOrEmpty(scope, service)
    const { split } = record
    if (action.kind === 'share-equally') {
      this.services.put({ ...record, split: null })
      this.closePreview(serviceKey(scope, service))
      return
    }
    const { generation, weight } = action
    const isAtIt = split?.generation === generation && split.weight === weight
    if (action.kind === 'weigh') {
      if (isAtIt) return
      this.services.put({ ...record, split: { generation, weight, verifiedAtMs: null } })
    } else if (isAtIt && split.verifiedAtMs === null) {
      this.services.put({ ...record, split: { ...split, verifiedAtMs: this.parts.host.clock.now() } })
    }
  }

  private async createInstance(scope: Scope, service: string, generation: string): Promise<void> {
    const { host, wake } = this.parts
    const template = this.services.get(serviceKey(scope, service))?.generations[generation]
    if (template === undefined) throw unknownGeneration(service, generation)
    const taken = new Set(this.live().flatMap(({ record }) => record.port ?? []))
    const port = template.port === null ? null : await choosePort(taken, host.random)
    const nowMs = host.clock.now()
    const record: InstanceRecord = {
      version: 1,
      id: `${fileSafe(service)}-${host.random.hex(4)}`,
      scope,
      service,
      template,
      port,
      traffic: 'none',
      createdAtMs: nowMs,
      notHealthySinceMs: nowMs,
      drainingSinceMs: null,
      exits: 0,
      lastEnd: null,
      endedAtMs: null,
    }
    this.instances.set(record.id, Instance.create(host, record, wake))
  }

  private endInstance(instance: Instance): void {
    instance.change({ traffic: 'stopping' })
  }

  /** The public route last: what is weighed there can be looked at by then. */
  private async tellRouter(key: string): Promise<void> {
    const { routing } = this.parts
    const preview = this.previewOf(key)
    if (preview === null) this.closePreview(key)
    else {
      routing.want(previewKey(key), preview)
      await routing.settled(previewKey(key))
    }
    routing.want(key, this.routeOf(key))
    await routing.settled(key)
  }

  private wantRoutes(): void {
    const { routing } = this.parts
    for (const key of this.keys()) {
      routing.want(key, this.routeOf(key))
      const preview = this.previewOf(key)
      if (preview !== null) routing.want(previewKey(key), preview)
    }
  }

  /** A router that is being restarted is told later: what nobody wants is dropped at the next look. */
  private closePreview(key: string): void {
    const { routing } = this.parts
    if (routing.wants(previewKey(key))) routing.remove(previewKey(key)).catch(() => {})
  }

  private routeOf(key: string): Route {
    return publicRoute(this.services.get(key), this.recordsOf(key))
  }

  private previewOf(key: string): Route | null {
    return previewRoute(this.services.get(key), this.recordsOf(key))
  }

  private recordsOf(key: string): InstanceRecord[] {
    return this.instancesOf(key).map(({ record }) => record)
  }

  private keys(): Set<string> {
    return new Set(
      this.services
        .all()
        .filter((record) => record.address !== null)
        .map((record) => serviceKey(record.scope, record.service)),
    )
  }

  private artifactsInUse(): Set<string> {
    const ofServices = this.services.all().flatMap((record) => Object.values(record.generations))
    return new Set([...ofServices, ...this.live().map(({ record }) => record.template)].map(({ artifact }) => artifact))
  }

  private forgetEnded(): void {
    const ended = [...this.instances.values()].filter(({ record }) => record.endedAtMs !== null)
    for (const group of Map.groupBy(ended, keyOf).values()) {
      group.sort((left, right) => (right.record.endedAtMs ?? 0) - (left.record.endedAtMs ?? 0))
      for (const { record, folder, logFiles } of group.slice(keptEnded)) {
        this.instances.delete(record.id)
        for (const path of Object.values(logFiles)) this.logTimes.forget(path)
        rmSync(folder, { recursive: true, force: true })
      }
    }
  }
}

const keyOf = ({ record }: Instance): string => serviceKey(record.scope, record.service)

/** For a folder's name and for people; the random part makes it unique. */
const fileSafe = (service: string): string => service.replace(/[^A-Za-z0-9_-]/g, '-').slice(0, 40)

const unknownGeneration = (service: string, generation: string) =>
  usageError('UNKNOWN_GENERATION', `nothing is known of generation ${generation} of ${service}`, {
    hint: 'Deploy it again.',
  })
