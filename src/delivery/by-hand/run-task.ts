/** `trunkline run <env> <task>`: a one-off job in a release's own artifact, in the environment, under its lease. */
import { readRelease } from '../../ledger/index.ts'
import type { DeploymentId, EnvironmentName, Verdict } from '../../model/index.ts'
import { erroredError, reason, refusedError, usageError } from '../../model/index.ts'
import { targetOf } from '../../planning/index.ts'
import { resolveVariables } from '../../variables/resolve-variables.ts'
import { verdictOfJob } from '../deployment/hooks.ts'
import { secretNames, surroundingsIn, withAddresses } from '../deployment/service-variables.ts'
import type { Engine } from '../engine.ts'
import { requirePolicy, type Scene } from '../scene.ts'
import { openSession } from '../session.ts'

export type RunTaskOptions = {
  environment: EnvironmentName
  task: string
  signal: AbortSignal
  log(line: string): void
}

/** The task of the release that runs there, in its bytes; what it printed goes to `log`. */
export async function runTask(engine: Engine, scene: Scene, options: RunTaskOptions): Promise<Verdict> {
  const policy = requirePolicy(scene.project, options.environment)
  await engine.ledger.trust.require('builder')
  const opened = await openSession({
    world: engine.world,
    ledger: engine.ledger,
    environment: policy.name,
    leaseTtlMs: scene.project.state.leaseTtlMs,
    signal: options.signal,
  })
  if (opened.kind === 'busy') {
    throw refusedError('ENVIRONMENT_BUSY', `${opened.holder} is deploying to ${policy.name}`, {
      hint: 'run the task when it is done',
    })
  }
  const { session } = opened
  try {
    const { running } = session.state()
    if (running === null)
      throw refusedError('NOTHING_RUNS', `nothing runs in ${policy.name} yet: a task runs in a release's own artifact`)
    const snapshot = await engine.ledger.refresh(session.signal)
    const release = await readRelease(engine.ledger, snapshot, running.release)
    const task =
      release !== null && Object.hasOwn(release.tasks, options.task) ? release.tasks[options.task] : undefined
    const service = task === undefined ? undefined : release?.services[task.service]
    if (release === null || task === undefined || service === undefined) {
      const known = Object.keys(release?.tasks ?? {})
      throw usageError(
        'UNKNOWN_TASK',
        `${running.version}, which runs in ${policy.name}, has no task ${options.task}`,
        {
          hint:
            known.length > 0 ? `its tasks: ${known.join(', ')}` : 'declare it under `tasks` and deliver that commit',
        },
      )
    }
    const available = await engine.world.variables.read(policy.variables, session.signal)
    const { addresses, outputs } = await surroundingsIn(engine, policy, release, session.signal)
    const resolved = resolveVariables(service.env, available, outputs)
    const absent = [...resolved.missing, ...resolved.awaited]
    if (absent.length > 0) {
      throw refusedError(
        'VARIABLE_MISSING',
        `${task.service} needs ${absent.join(', ')} in ${policy.name}, not set here`,
      )
    }
    const id = `t-${policy.name}-${engine.world.random.hex(6)}` as DeploymentId
    const about = { deployment: id, hook: `task ${task.name}`, key: id }
    await session.append({
      kind: 'hook-started',
      ...about,
      service: task.service,
      irreversible: false,
      reasons: [reason('task', `${engine.world.actor.name} runs task ${task.name}`)],
    })
    const target = await engine.world.target(policy, targetOf(policy, service))
    const outcome = await target.runJob(
      {
        key: id,
        name: task.name,
        service: task.service,
        artifact: service.artifact,
        run: task.run,
        described: service.run,
        variables: withAddresses(service.env, resolved.values, addresses),
        secrets: secretNames(service.env),
        timeoutMs: task.timeoutMs,
      },
      {
        signal: session.signal,
        epoch: session.epoch,
        artifacts: engine.world.artifacts,
        report: () => {},
        log: options.log,
      },
    )
    const verdict = verdictOfJob(outcome, `task ${task.name}`, task.timeoutMs)
    if (verdict === null) throw erroredError('TASK_OUTCOME_UNKNOWN', `nobody can say how task ${task.name} ended`)
    await session.append({
      kind: 'hook-ended',
      ...about,
      outcome: verdict.ok ? 'succeeded' : 'failed',
      logTail: verdict.ok ? [] : (verdict.logTail ?? []),
    })
    return verdict
  } finally {
    await session.close()
  }
}
