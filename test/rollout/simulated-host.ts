import {
  hasPassed,
  isAdmitted,
  type RolloutAction,
  type RolloutInstance,
  type Split,
  sharesOf,
} from '../../src/rollout/index.ts'

/** A host in memory: does what it is told, and what a test makes happen to it. */
export class SimulatedHost {
  private instances: RolloutInstance[]
  private made = 0
  split: Split | null

  constructor(instances: readonly RolloutInstance[], split: Split | null = null) {
    this.instances = instances.map((instance) => ({ ...instance }))
    this.split = split
  }

  observe(): RolloutInstance[] {
    return this.instances.map((instance) => ({ ...instance }))
  }

  alive(): RolloutInstance[] {
    return this.observe().filter((instance) => instance.phase !== 'stopped')
  }

  /** Healthy instances that get requests. */
  serving(): RolloutInstance[] {
    const shares = this.shares()
    return this.alive().filter(({ id, phase }) => phase === 'healthy' && (shares.get(id) ?? 0) > 0)
  }

  /** What has not passed its stages is no capacity, as long as anything else is well. */
  capacity(): number {
    const serving = this.serving()
    const { split } = this
    if (split === null || hasPassed(split)) return serving.length
    const others = this.instances.filter(
      (each) => isAdmitted(each) && each.phase === 'healthy' && each.generation !== split.generation,
    ).length
    return others > 0 ? others : serving.length
  }

  /** Relative, by instance. */
  shares(): Map<string, number> {
    return sharesOf(this.instances.filter(isAdmitted), this.split)
  }

  /** Everything it had to remember of a rollout is over. */
  settle(): void {
    this.split = null
  }

  apply(actions: readonly RolloutAction[], nowMs = 0): void {
    for (const action of actions) {
      if (action.kind === 'start') {
        for (let index = 0; index < action.count; index++) this.start(action.generation, nowMs)
        continue
      }
      if (action.kind === 'weigh') {
        const { generation, weight } = action
        if (this.split?.generation === generation && this.split.weight === weight) continue
        this.split = { generation, weight, verifiedAtMs: null }
        continue
      }
      if (action.kind === 'share-equally') {
        this.split = null
        continue
      }
      if (action.kind === 'note-verified') {
        const { generation, weight } = action
        if (this.split?.generation !== generation || this.split.weight !== weight) continue
        this.split = { ...this.split, verifiedAtMs: this.split.verifiedAtMs ?? nowMs }
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
