import type { RolloutAction, RolloutInstance } from '../../src/rollout/index.ts'

/** A host in memory: does what it is told, and what a test makes happen to it. */
export class SimulatedHost {
  private instances: RolloutInstance[]
  private made = 0

  constructor(instances: readonly RolloutInstance[]) {
    this.instances = instances.map((instance) => ({ ...instance }))
  }

  observe(): RolloutInstance[] {
    return this.instances.map((instance) => ({ ...instance }))
  }

  alive(): RolloutInstance[] {
    return this.observe().filter((instance) => instance.phase !== 'stopped')
  }

  capacity(): number {
    return this.instances.filter((instance) => instance.phase === 'healthy' && instance.weight > 0).length
  }

  apply(actions: readonly RolloutAction[], nowMs = 0): void {
    for (const action of actions) {
      if (action.kind === 'start') {
        for (let index = 0; index < action.count; index++) this.start(action.generation, nowMs)
        continue
      }
      const instance = this.instances.find((each) => each.id === action.instance)
      if (instance === undefined) throw new Error(`an action for ${action.instance}, which is not there`)
      if (action.kind === 'stop') instance.phase = 'stopped'
      if (action.kind === 'drain') Object.assign(instance, { phase: 'draining', drainingSinceMs: nowMs })
      if (action.kind === 'admit') {
        if (instance.phase === 'draining') instance.phase = 'healthy'
        Object.assign(instance, { weight: 1, drainingSinceMs: null, notHealthySinceMs: null })
      }
    }
  }

  /** The process of one instance ends and is started again. */
  killOne(seed: number, nowMs: number): void {
    const candidates = this.instances.filter((each) => each.phase !== 'stopped' && each.phase !== 'draining')
    const victim = candidates[seed % Math.max(1, candidates.length)]
    if (victim) Object.assign(victim, { phase: 'starting', notHealthySinceMs: nowMs, inFlight: 0 })
  }

  becomeHealthy(): void {
    for (const instance of this.instances) {
      if (instance.phase === 'starting' || instance.phase === 'unhealthy') {
        Object.assign(instance, { phase: 'healthy', notHealthySinceMs: null })
      }
    }
  }

  finishRequests(): void {
    for (const instance of this.instances) instance.inFlight = Math.max(0, instance.inFlight - 1)
  }

  private start(generation: string, nowMs: number): void {
    this.instances.push({
      id: `started-${this.made++}`,
      generation,
      phase: 'starting',
      weight: 0,
      inFlight: 0,
      startedAtMs: nowMs,
      notHealthySinceMs: nowMs,
      drainingSinceMs: null,
      exits: 0,
    })
  }
}
