/**
 * A platform under one environment, as the fleet is one: instances that start, become healthy, take requests, drain and
 * stop; a router that counts requests; jobs by key; and a fence against controllers that have lost their lease.
 */
import {
  type Digest,
  type EnvironmentName,
  erroredError,
  type Fingerprint,
  refusedError,
  type ServiceName,
  type TrunklineError,
} from '../../src/model/index.ts'
import type { Fencing, Job, JobOutcome } from '../../src/ports/index.ts'
import { isAdmitted, type RolloutAction, type RolloutInstance, type Split, sharesOf } from '../../src/rollout/index.ts'
import type { Chance } from './chance.ts'
import type { Chronicle, Effect, JobStart } from './chronicle.ts'
import type { Sabotage } from './sabotage.ts'
import type { Scheduler } from './scheduler.ts'
import type { Bytes } from './simulated-builder.ts'

export type Template = {
  generation: string
  desiredGeneration: string
  fingerprint: Fingerprint | null
  artifact: Digest
  replicas: number
  startTimeoutMs: number
  drainTimeoutMs: number
  variables: Record<string, string>
}

type Instance = {
  id: string
  template: Template
  startedAtMs: number
  /** Since when its ends are counted. */
  freshAtMs: number
  /** null: never. */
  healthyAtMs: number | null
  downUntilMs: number
  weight: number
  drainingSinceMs: number | null
  /** When its last request is answered. */
  drainedAtMs: number
}

type Service = {
  instances: Instance[]
  templates: Map<string, Template>
  stable: Template | null
  split: Split | null
  /** Instances that the rollout under way works towards. */
  wanted: number
  revision: number
}

export type ServiceStatus = {
  revision: number
  nowMs: number
  stable: Template | null
  split: Split | null
  instances: RolloutInstance[]
  artifacts: Array<Digest>
  /** When it is worth looking again. */
  nextChangeInMs: number
}

export type Writer = { process: number; epoch: number }

/** Of a process to a host; whether it is open only matters to a fleet. */
type Connection = { lastMs: number; isOpen: boolean }

export type SimulatedHost = {
  /** In a fleet: which of its hosts. */
  readonly name: string
  readonly environment: EnvironmentName
  readonly fencing: Fencing
  isAway: boolean
  /** Of one process: what it sends arrives in order. */
  connectionOf(process: number): Connection
  status(service: ServiceName): ServiceStatus
  services(): ServiceName[]
  prepare(writer: Writer, service: ServiceName, template: Template): void
  /** As the agent of a fleet does it: instances of it that are not healthy start afresh. */
  /** As many instances as the rollout under way works towards, where something served before. */
  wanted(service: ServiceName): number
  prepareGeneration(writer: Writer, service: ServiceName, template: Template): void
  act(writer: Writer, request: ActRequest): ServiceStatus
  settle(writer: Writer, service: ServiceName, generation: string | null): void
  removeService(writer: Writer, service: ServiceName): void
  startJob(writer: Writer, job: Job): void
  stopJob(key: string): void
  jobOutcome(key: string): JobOutcome
  jobEndsInMs(key: string): number
  /** All instances of a service end by themselves; their supervisor starts them anew. */
  crashInstances(): void
}

export type ActRequest = {
  service: ServiceName
  actions: readonly RolloutAction[]
  /** As many instances as the rollout works towards. */
  wanted: number
  /** What the controller had seen, for platforms that write on a condition. */
  revision: number
}

export type HostOptions = {
  name: string
  environment: EnvironmentName
  fencing: Fencing
  scheduler: Scheduler
  chance: Chance
  chronicle: Chronicle
  bytes: Map<Digest, Bytes>
  isRough: () => boolean
  sabotage: Sabotage | null
}

/** A program that ends at once is started again so often. */
const exitEveryMs = 700

export function createHost(options: HostOptions): SimulatedHost {
  const { name: hostName, environment, fencing, scheduler, chance, chronicle, bytes, isRough, sabotage } = options
  const services = new Map<ServiceName, Service>()
  const jobs = new Map<string, JobStart>()
  const connections = new Map<number, Connection>()
  let newestEpoch = 0
  let count = 0

  const serviceOf = (name: ServiceName): Service => {
    const known = services.get(name) ?? {
      instances: [],
      templates: new Map(),
      stable: null,
      split: null,
      wanted: 0,
      revision: 0,
    }
    services.set(name, known)
    return known
  }
  const isHealthy = (instance: Instance): boolean => {
    const nowMs = scheduler.nowMs()
    return instance.healthyAtMs !== null && nowMs >= instance.healthyAtMs && nowMs >= instance.downUntilMs
  }
  const isTaking = (one: Instance): boolean => one.weight > 0 && one.drainingSinceMs === null
  const serving = ({ instances, split }: Service): number => {
    const taking = instances.filter(isTaking)
    if (split === null) return taking.filter(isHealthy).length
    const shares = sharesOf(taking.map(seen).filter(isAdmitted), split)
    return taking.filter((one) => isHealthy(one) && (shares.get(one.id) ?? 0) > 0).length
  }

  /** Who is older than the newest is refused, where the platform can tell. */
  const pass = ({ epoch }: Writer): void => {
    if (fencing === 'strict' && epoch < newestEpoch && !sabotage?.isFenceOpen) {
      throw refusedError('STALE_CONTROLLER', `epoch ${epoch} is older than ${newestEpoch}`)
    }
  }
  const record = (
    writer: Writer,
    service: ServiceName,
    effect: Pick<Effect, 'kind' | 'servingBefore'> & Partial<Effect>,
  ) => {
    chronicle.effects.push({
      atMs: scheduler.nowMs(),
      process: writer.process,
      environment,
      epoch: writer.epoch,
      newestEpoch,
      service,
      artifact: null,
      serving: serving(serviceOf(service)),
      needed: 0,
      dropped: 0,
      variables: null,
      ...effect,
    })
    newestEpoch = Math.max(newestEpoch, writer.epoch)
    serviceOf(service).revision++
  }

  function seen(instance: Instance): RolloutInstance {
    const nowMs = scheduler.nowMs()
    const healthy = isHealthy(instance)
    const exits = instance.healthyAtMs === null ? Math.floor((nowMs - instance.freshAtMs) / exitEveryMs) : 0
    const isDraining = instance.drainingSinceMs !== null
    return {
      id: instance.id,
      generation: instance.template.generation,
      phase: isDraining ? 'draining' : healthy ? 'healthy' : nowMs < instance.downUntilMs ? 'unhealthy' : 'starting',
      weight: instance.weight,
      inFlight: isDraining ? Number(nowMs < instance.drainedAtMs) : Number(instance.weight > 0),
      startedAtMs: instance.startedAtMs,
      notHealthySinceMs: healthy ? null : Math.max(instance.freshAtMs, Math.min(nowMs, instance.downUntilMs - 5000)),
      drainingSinceMs: instance.drainingSinceMs,
      exits,
    }
  }
  const nextChangeOf = (instance: Instance): number => {
    const nowMs = scheduler.nowMs()
    const times = [instance.healthyAtMs ?? nowMs + exitEveryMs, instance.downUntilMs, instance.drainedAtMs]
    return Math.min(...times.map((time) => (time > nowMs ? time - nowMs : Number.POSITIVE_INFINITY)))
  }

  function status(name: ServiceName): ServiceStatus {
    const { instances, stable, split, revision } = serviceOf(name)
    return {
      revision,
      nowMs: scheduler.nowMs(),
      stable,
      split,
      instances: instances.map(seen),
      artifacts: instances.map((instance) => instance.template.artifact),
      nextChangeInMs: Math.min(3000, ...instances.map(nextChangeOf)),
    }
  }

  function start(service: Service, template: Template): void {
    const nowMs = scheduler.nowMs()
    const isDead = bytes.get(template.artifact)?.isNeverHealthy === true
    const isStillborn = isRough() && chance.happens(0.004)
    service.instances.push({
      id: `i${++count}`,
      template,
      startedAtMs: nowMs,
      freshAtMs: nowMs,
      healthyAtMs: isDead || isStillborn ? null : nowMs + chance.between(100, 2500),
      downUntilMs: 0,
      weight: 0,
      drainingSinceMs: null,
      drainedAtMs: 0,
    })
  }

  function actOnce(writer: Writer, name: ServiceName, asked: RolloutAction, needed: number): void {
    const action: RolloutAction = asked.kind === 'drain' && sabotage?.skipsDraining ? { ...asked, kind: 'stop' } : asked
    const service = serviceOf(name)
    const servingBefore = serving(service)
    if (action.kind === 'start') {
      const template = service.templates.get(action.generation)
      if (template === undefined) throw erroredError('UNKNOWN_GENERATION', `${name} has no ${action.generation}`)
      for (let index = 0; index < action.count; index++) start(service, template)
      const { artifact, variables } = template
      record(writer, name, { kind: 'start', servingBefore, needed, artifact, variables })
      return
    }
    if (!('instance' in action)) {
      divide(writer, name, action)
      return
    }
    const instance = service.instances.find((one) => one.id === action.instance)
    if (instance === undefined) return
    const nowMs = scheduler.nowMs()
    const { split, stable } = service
    // What never came to its end is no old set: going back from there is to nothing.
    if (action.kind !== 'admit' && split !== null && stable !== null && isTaking(instance) && isHealthy(instance)) {
      const isOld = instance.template.generation !== split.generation
      if (isOld) chronicle.divisions.push({ ...at(writer, name), kind: 'old-leaves', split })
    }
    let dropped = 0
    switch (action.kind) {
      case 'admit':
        instance.weight = 1
        instance.drainingSinceMs = null
        break
      case 'drain': {
        const drainedAtMs = nowMs + chance.between(0, 3000)
        if (instance.drainingSinceMs === null) Object.assign(instance, { drainingSinceMs: nowMs, drainedAtMs })
        break
      }
      case 'stop': {
        const isDrained = instance.drainingSinceMs !== null && nowMs >= instance.drainedAtMs
        const hadTime =
          instance.drainingSinceMs !== null && nowMs - instance.drainingSinceMs >= instance.template.drainTimeoutMs
        if (instance.weight > 0 && isHealthy(instance) && !isDrained && !hadTime) dropped = 1
        service.instances = service.instances.filter((one) => one !== instance)
        break
      }
    }
    record(writer, name, { kind: action.kind, servingBefore, needed, dropped, artifact: instance.template.artifact })
  }

  const at = ({ process }: Writer, service: ServiceName) => ({
    atMs: scheduler.nowMs(),
    ...{ process, environment, host: hostName, service },
  })

  /** How requests are divided is remembered by the host, as its agent does. */
  function divide(
    writer: Writer,
    name: ServiceName,
    action: Exclude<RolloutAction, { instance: string } | { kind: 'start' }>,
  ): void {
    const service = serviceOf(name)
    const before = service.split
    newestEpoch = Math.max(newestEpoch, writer.epoch)
    if (action.kind === 'share-equally') {
      if (before === null || sabotage?.keepsSplit) return
      service.split = null
      chronicle.divisions.push({ ...at(writer, name), kind: 'share-equally' })
    } else {
      const { kind, generation, weight } = action
      const isAtIt = before?.generation === generation && before.weight === weight
      if (kind === 'weigh') {
        if (isAtIt) return
        const ours = service.instances.filter((one) => isTaking(one) && one.template.generation === generation)
        const replicas = service.templates.get(generation)?.replicas ?? 0
        service.split = { generation, weight, verifiedAtMs: null }
        const how = { generation, weight, before, admitted: ours.length, replicas }
        chronicle.divisions.push({ ...at(writer, name), kind, ...how })
      } else {
        if (!isAtIt || before.verifiedAtMs !== null) return
        service.split = { ...before, verifiedAtMs: scheduler.nowMs() }
        chronicle.divisions.push({ ...at(writer, name), kind, generation, weight })
      }
    }
    service.revision++
  }

  const conflict = (): TrunklineError => erroredError('TARGET_CONFLICT', 'someone else has changed it meanwhile')

  return {
    name: hostName,
    environment,
    fencing,
    isAway: false,
    connectionOf(process) {
      const known = connections.get(process) ?? { lastMs: 0, isOpen: false }
      connections.set(process, known)
      return known
    },
    status,
    services: () => [...services.keys()],
    prepare(writer, name, template) {
      pass(writer)
      newestEpoch = Math.max(newestEpoch, writer.epoch)
      serviceOf(name).templates.set(template.generation, template)
    },
    wanted(name) {
      const { stable, wanted } = serviceOf(name)
      return stable === null ? 0 : wanted
    },
    prepareGeneration(writer, name, template) {
      this.prepare(writer, name, template)
      const service = serviceOf(name)
      service.wanted = template.replicas
      for (const instance of service.instances) {
        if (instance.template.generation === template.generation && !isHealthy(instance))
          instance.freshAtMs = scheduler.nowMs()
      }
    },
    act(writer, { service: name, actions, wanted, revision }) {
      pass(writer)
      const service = serviceOf(name)
      if (fencing === 'conditional' && revision !== service.revision) throw conflict()
      const needed = Math.min(wanted, service.stable?.replicas ?? wanted)
      for (const action of actions) actOnce(writer, name, action, needed)
      return status(name)
    },
    settle(writer, name, generation) {
      pass(writer)
      const service = serviceOf(name)
      service.stable = generation === null ? null : (service.templates.get(generation) ?? null)
      if (!sabotage?.keepsSplit) service.split = null
      record(writer, name, { kind: 'settle', servingBefore: serving(service) })
    },
    removeService(writer, name) {
      pass(writer)
      const servingBefore = serving(serviceOf(name))
      record(writer, name, { kind: 'remove', servingBefore, serving: 0 })
      services.delete(name)
    },
    startJob(writer, job) {
      pass(writer)
      newestEpoch = Math.max(newestEpoch, writer.epoch)
      if (jobs.has(job.key)) return
      const roll = isRough() ? chance.next() : 1
      const start: JobStart = {
        atMs: scheduler.nowMs(),
        ...writer,
        environment,
        key: job.key,
        name: job.name,
        service: job.service,
        artifact: job.artifact,
        endsAtMs: scheduler.nowMs() + chance.between(100, 6000),
        exitCode: roll < 0.02 ? 1 : roll < 0.035 ? 'lost' : 0,
      }
      jobs.set(job.key, start)
      chronicle.jobs.push(start)
    },
    stopJob(key) {
      const job = jobs.get(key)
      if (job !== undefined && scheduler.nowMs() < job.endsAtMs) job.exitCode = 'lost'
    },
    jobOutcome(key) {
      const job = jobs.get(key)
      if (job === undefined) return { kind: 'never-started' }
      if (job.exitCode === 'lost') return { kind: 'unknown' }
      if (scheduler.nowMs() < job.endsAtMs) return { kind: 'running' }
      return { kind: 'ended', exitCode: job.exitCode, logTail: job.exitCode === 0 ? [] : [`${job.name} broke`] }
    },
    jobEndsInMs: (key) => Math.max(0, (jobs.get(key)?.endsAtMs ?? 0) - scheduler.nowMs()),
    crashInstances() {
      const names = [...services.keys()]
      const service = services.get(names[chance.below(names.length)] ?? '')
      for (const instance of service?.instances ?? []) instance.downUntilMs = scheduler.nowMs() + 5000
      if (service !== undefined) service.revision++
    },
  }
}
