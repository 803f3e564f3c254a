/** A controller's way to a simulated platform: the real state machine of rollouts decides, the platform does. */
import { hash } from 'node:crypto'
import { canonicalJson } from '../../src/hashing/index.ts'
import {
  cancelledError,
  type EnvironmentPolicy,
  erroredError,
  type Fingerprint,
  isStaged,
  passed,
  type Reason,
  type Run,
  reason,
  type ServiceName,
  type Verdict,
} from '../../src/model/index.ts'
import type { ObservedService, RolloutRequest, Target, TargetContext } from '../../src/ports/index.ts'
import { nextRolloutActions, type RolloutSpec } from '../../src/rollout/index.ts'
import type { ServiceStatus, SimulatedHost, Template, Writer } from './simulated-host.ts'
import type { SimulatedProcess } from './simulated-process.ts'

const latencyMs = [1, 25] as const
const maxExits = 4
const maxRolloutMs = 10 * 60_000

const away = (environment: string) => erroredError('TARGET_UNREACHABLE', `${environment} does not answer`)

export function createTarget(policy: EnvironmentPolicy, host: SimulatedHost, process: SimulatedProcess): Target {
  const config = Object.values(policy.targets)[0]
  const replicas = config?.kind === 'fleet' ? config.fleet.replicas : 1
  const connection = host.connectionOf(process.id)
  const ask = <Result>(signal: AbortSignal | undefined, effect: () => Result): Promise<Result> =>
    process.call({
      latencyMs,
      signal,
      connection,
      lost: () => away(host.environment),
      effect: () => {
        if (host.isAway) throw away(host.environment)
        return effect()
      },
    })
  const writerOf = ({ epoch }: TargetContext): Writer => ({ process: process.id, epoch })
  const fingerprintOf = (variables: Record<string, string>): Fingerprint =>
    hash('sha256', `${host.environment}'s key ${canonicalJson(variables)}`) as Fingerprint // ours to give

  const templateOf = ({ desired, variables }: RolloutRequest): Template => ({
    generation: `${desired.generation.slice(0, 16)}.${(desired.fingerprint ?? '').slice(0, 16)}`,
    desiredGeneration: desired.generation,
    fingerprint: desired.fingerprint,
    artifact: desired.artifact,
    replicas,
    ...timesOf(desired.run),
    variables,
  })

  function timesOf(run: Run) {
    if (run.kind !== undefined && run.kind !== 'container') throw new Error('nothing but instances runs here')
    return { startTimeoutMs: run.startTimeoutMs, drainTimeoutMs: run.drainTimeoutMs }
  }

  type Drive = {
    service: ServiceName
    template: Template | null
    strategy: RolloutSpec['strategy']
    context: TargetContext
  }

  async function drive({ service, template, strategy, context }: Drive): Promise<'done' | Reason[]> {
    const { signal } = context
    const spec: RolloutSpec = {
      generation: template?.generation ?? null,
      replicas: template?.replicas ?? 0,
      strategy,
      startTimeoutMs: template?.startTimeoutMs ?? 0,
      drainTimeoutMs: template?.drainTimeoutMs ?? 5000,
      maxExits,
    }
    let status = await ask(signal, () => host.status(service))
    const deadlineMs = process.clock.monotonicMs() + maxRolloutMs
    for (;;) {
      const next = nextRolloutActions(spec, status.instances, status.nowMs)
      if (next.status === 'done') return 'done'
      if (next.status !== 'in-progress') return next.status.failed
      if (process.clock.monotonicMs() > deadlineMs) return [reason('rollout-timeout', 'it takes too long')]
      const { actions } = next
      if (actions.length === 0) {
        await process.clock.sleep(Math.max(20, status.nextChangeInMs), signal)
        status = await ask(signal, () => host.status(service))
      } else {
        const request = { service, actions, wanted: spec.replicas, revision: status.revision }
        status = await ask(signal, () => host.act(writerOf(context), request))
      }
    }
  }

  async function rollOutOrReturn(request: RolloutRequest, context: TargetContext): Promise<Verdict> {
    const { service } = request
    const strategy = isStaged(request.strategy) ? 'one-at-a-time' : request.strategy
    const wanted = templateOf(request)
    await ask(context.signal, () => host.prepare(writerOf(context), service, wanted))
    const { stable } = await ask(context.signal, () => host.status(service))
    const end = await drive({ service, template: wanted, strategy, context })
    if (end === 'done') {
      await ask(context.signal, () => host.settle(writerOf(context), service, wanted.generation))
      return passed
    }
    if (stable?.generation === wanted.generation) return { ok: false, reasons: end }
    const back = await drive({ service, template: stable, strategy, context })
    if (back !== 'done') return { ok: false, reasons: [...end, reason('not-restored', 'it is not restored'), ...back] }
    await ask(context.signal, () => host.settle(writerOf(context), service, stable?.generation ?? null))
    return { ok: false, reasons: end, logTail: ['it did not come up'] }
  }

  const target: Target = {
    kind: 'simulated',
    environment: host.environment,
    capabilities: { drift: true, canary: false, trafficSplit: false, fencing: host.fencing },
    async observe(services, signal) {
      try {
        const observed: Record<ServiceName, ObservedService> = {}
        const statuses = await ask(signal, () => services.map((service) => [service, host.status(service)] as const))
        for (const [service, status] of statuses) observed[service] = observedService(service, status, replicas)
        return { reachable: true, services: observed }
      } catch (error) {
        if (signal.aborted) throw error
        return { reachable: false, reasons: [reason('target-unreachable', `${host.environment} does not answer`)] }
      }
    },
    fingerprint: (variables, signal) =>
      ask(signal, () =>
        Object.fromEntries(Object.entries(variables).map(([service, values]) => [service, fingerprintOf(values)])),
      ),
    plan: async () => ({ previews: {} }),
    async ensure(request, context) {
      await context.artifacts.manifest(request.desired.artifact, context.signal)
      return await rollOutOrReturn(request, context)
    },
    async remove(service, context) {
      const end = await drive({ service, template: null, strategy: 'all-at-once', context })
      if (end !== 'done') return { ok: false, reasons: end }
      await ask(context.signal, () => host.removeService(writerOf(context), service))
      return passed
    },
    async verify({ service, desired }, { signal }) {
      for (let attempt = 0; ; attempt++) {
        const status = await ask(signal, () => host.status(service))
        const isSame =
          status.stable?.desiredGeneration === desired.generation &&
          status.stable.fingerprint === desired.fingerprint &&
          status.instances.every((instance) => instance.generation === status.stable?.generation)
        const healthy = status.instances.filter((one) => one.phase === 'healthy' && one.weight > 0).length
        if (isSame && healthy >= replicas) return passed
        if (!isSame || attempt > 10)
          return { ok: false, reasons: [reason('not-the-same', `${service} is not what was ensured`)] }
        await process.clock.sleep(1000, signal)
      }
    },
    async runJob(job, context) {
      const { signal } = context
      try {
        await ask(signal, () => host.startJob(writerOf(context), job))
        for (;;) {
          const outcome = await ask(signal, () => host.jobOutcome(job.key))
          if (outcome.kind !== 'running') return outcome
          await process.clock.sleep(Math.max(50, host.jobEndsInMs(job.key)), signal)
        }
      } catch (error) {
        if (!signal.aborted) throw error
        await ask(undefined, () => host.stopJob(job.key)).catch(() => {})
        throw cancelledError(`${job.name} was cancelled`)
      }
    },
    jobOutcome: (key, signal) => ask(signal, () => host.jobOutcome(key)),
    async *logs() {},
  }
  return target
}

/** As the fleet says it: a generation runs when its rollout came to its end and nothing else is left. */
function observedService(service: ServiceName, status: ServiceStatus, replicas: number): ObservedService {
  const { stable, instances } = status
  const taking = instances.filter((one) => one.weight > 0 && one.phase !== 'draining')
  const isSettled =
    stable !== null &&
    taking.length > 0 &&
    instances.length <= replicas &&
    instances.every((one) => one.generation === stable.generation)
  return {
    generation: isSettled ? stable.desiredGeneration : null,
    artifact: isSettled ? stable.artifact : null,
    fingerprint: isSettled ? stable.fingerprint : null,
    instances: {
      ready: taking.filter((one) => one.phase === 'healthy').length,
      desired: stable === null && taking.length === 0 ? 0 : replicas,
    },
    url: status.instances.length > 0 ? `http://${service}.example` : null,
  }
}
