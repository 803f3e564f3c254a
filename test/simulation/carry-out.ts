/** One action of a story, by a process of its own. */
import {
  advance,
  approve,
  cancelDeployment,
  deliver,
  deployRevision,
  type Engine,
  hold,
  openScene,
  reject,
  resume,
  retryDeployment,
  rollback,
  runTask,
  unyankSubject,
  yankSubject,
} from '../../src/delivery/index.ts'
import {
  type CommitId,
  cancelledError,
  type EnvironmentName,
  type EnvironmentState,
  type RefName,
} from '../../src/model/index.ts'
import type { ActionRun } from './chronicle.ts'
import { forge } from './forger.ts'
import { pushChange } from './push-changes.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import { forger } from './simulated-remote.ts'
import type { SimulatedWorld } from './simulated-world.ts'
import type { Act, Action } from './story.ts'

export type Pushes = Map<number, { ref: RefName; commit: CommitId }>

/** What a process of the story is doing. */
export type Running = { run: ActionRun; process: SimulatedProcess; controller: AbortController }

const impossible = Symbol('impossible')

/** Begins an action; null where it takes no time. */
export function begin(world: SimulatedWorld, action: Action, pushes: Pushes): Running | null {
  const { act, who, fate } = action
  const { scheduler, chronicle } = world
  const nowMs = scheduler.nowMs()
  if (act.kind === 'forge') {
    const forged = forge(world, act)
    const outcome =
      forged === null ? ({ kind: 'impossible' } as const) : ({ kind: 'answered', answer: forged } as const)
    chronicle.runs.push({ action, process: forger, startedMs: nowMs, endedMs: nowMs, outcome })
    return null
  }
  if (act.kind === 'push' || act.kind === 'force-push' || act.kind === 'tag' || act.kind === 'change-secret') {
    const pushed = act.kind === 'change-secret' ? null : pushChange(world, act, who)
    if (act.kind === 'change-secret') world.changeSecret(act.environment)
    if (pushed !== null) pushes.set(action.id, pushed)
    const isDone = act.kind === 'change-secret' || pushed !== null
    const outcome = isDone ? ({ kind: 'answered', answer: pushed } as const) : ({ kind: 'impossible' } as const)
    chronicle.runs.push({ action, process: -1, startedMs: nowMs, endedMs: nowMs, outcome })
    return null
  }
  const process = world.start(nameOf(action))
  // CI jobs run anywhere; a person's commands run on one machine, where a dead one can be told.
  const machine = act.kind === 'deliver' || act.kind === 'advance' ? null : `machine ${who}`
  const engine = world.engine(process, who, machine)
  const controller = new AbortController()
  const run: ActionRun = { action, process: process.id, startedMs: nowMs, endedMs: null, outcome: { kind: 'running' } }
  chronicle.runs.push(run)
  const end = (outcome: ActionRun['outcome']): void => {
    if (!process.isAlive()) return
    run.endedMs = scheduler.nowMs()
    run.outcome = outcome
  }
  perform(world, engine, act, { pushes, signal: controller.signal, run }).then(
    (answer) => end(answer === impossible ? { kind: 'impossible' } : { kind: 'answered', answer }),
    (error: unknown) => end({ kind: 'threw', error }),
  )
  const meet = (afterMs: number, what: () => void): void =>
    scheduler.at(nowMs + afterMs, 0, () => {
      if (run.outcome.kind === 'running') what()
    })
  if (fate.diesAfterMs !== null) {
    meet(fate.diesAfterMs, () => {
      run.endedMs = scheduler.nowMs()
      run.outcome = { kind: 'died' }
      process.die()
    })
  }
  const { sleeps } = fate
  if (sleeps !== null) meet(sleeps.afterMs, () => process.sleep(sleeps.forMs, sleeps.suspends))
  if (fate.cancelledAfterMs !== null) meet(fate.cancelledAfterMs, () => controller.abort(cancelledError('Ctrl-C')))
  return { run, process, controller }
}

const nameOf = ({ id, act, who }: Action): string =>
  act.kind === 'deliver'
    ? `CI ${id}`
    : act.kind === 'advance'
      ? `cron ${id}`
      : `${['Ada', 'Ben', 'Cleo', 'Dan'][who % 4]} ${id}`

async function perform(
  world: SimulatedWorld,
  engine: Engine,
  act: Act,
  { pushes, signal, run }: { pushes: Pushes; signal: AbortSignal; run: ActionRun },
): Promise<unknown> {
  const { ledger } = engine
  const scene = async () => {
    const tip = await engine.world.source.remoteTip('refs/heads/main', signal)
    if (tip === null) throw new Error('the remote has no main')
    await engine.world.source.ensureCommit(tip, 'refs/heads/main', signal)
    return await openScene(engine, tip, null, signal)
  }
  const stateOf = async (environment: EnvironmentName) =>
    (await ledger.environment(await ledger.refresh(signal), environment)).state

  /** The environment the story names, or the first where there is something to do. */
  const where = async (
    named: EnvironmentName,
    isIt: (state: EnvironmentState) => boolean,
  ): Promise<EnvironmentName> => {
    const snapshot = await ledger.refresh(signal)
    for (const environment of [named, ...world.hosts.keys()]) {
      if (!isIt((await ledger.environment(snapshot, environment)).state)) continue
      run.environment = environment
      return environment
    }
    return named
  }

  switch (act.kind) {
    case 'deliver': {
      const pushed = pushes.get(act.push)
      if (pushed === undefined) return impossible
      return await deliver(engine, pushed, { signal, hookDecision: 'ask' })
    }
    case 'advance':
      return await advance(engine, await scene(), { only: [], signal })
    case 'approve': {
      const environment = await where(act.environment, ({ waiting }) => waiting !== null && waiting.plan !== null)
      const { waiting } = await stateOf(environment)
      if (waiting === null || waiting.plan === null) return impossible
      // They read it first.
      await engine.world.clock.sleep(1000 + engine.world.random.fraction() * 20_000, signal)
      const plan = engine.world.random.fraction() < 0.7 ? waiting.plan : null
      const approved = await approve(engine, await scene(), { environment, plan, signal })
      if (engine.world.random.fraction() < 0.5) await advance(engine, await scene(), { only: [environment], signal })
      return approved
    }
    case 'reject':
      return await reject(engine, await scene(), act.environment, 'not now', signal)
    case 'hold':
      return await hold(engine, await scene(), act.environment, 'because', signal)
    case 'resume':
      return await resume(engine, await scene(), act.environment, signal)
    case 'yank': {
      const { history } = await stateOf(await where(act.environment, (state) => state.running !== null))
      const known = history[act.back]
      if (known === undefined) return impossible
      const [service] = Object.values(known.services)
      const subject = act.what === 'artifact' && service !== undefined ? service.artifact : known.release
      const resolve = (revision: string) => engine.world.source.resolve(revision)
      return await yankSubject(engine, await scene(), { subject, resolve, why: 'it is bad', signal })
    }
    case 'unyank': {
      const yanks = (await ledger.yanks(await ledger.refresh(signal))).filter((yank) => yank.yanked)
      const yank = yanks[act.which % Math.max(1, yanks.length)]
      if (yank === undefined) return impossible
      const subject = yank.subject.kind === 'artifact' ? yank.subject.artifact : yank.subject.release
      const resolve = (revision: string) => engine.world.source.resolve(revision)
      return await unyankSubject(engine, await scene(), { subject, resolve, why: 'it is good', signal })
    }
    case 'rollback': {
      const { back, force } = act
      const environment = await where(act.environment, ({ history }) => history.length > 1)
      const { history } = await stateOf(environment)
      const to = back === null ? null : (history[back]?.release ?? null)
      return await rollback(engine, await scene(), { environment, to, force: force ? ['migrate'] : [], signal })
    }
    case 'retry': {
      const { hookDecision } = act
      const environment = await where(
        act.environment,
        ({ deployment, last }) => deployment !== null || last?.kind === 'failed',
      )
      return await retryDeployment(engine, await scene(), { environment, hookDecision, signal })
    }
    case 'cancel': {
      const environment = await where(act.environment, ({ deployment }) => deployment?.phase === 'running')
      return await cancelDeployment(engine, await scene(), environment, signal)
    }
    case 'deploy': {
      const { commit } = await scene()
      const wanted = world.source.back(commit.id, act.back)
      return await deployRevision(engine, { environment: act.environment, commit: wanted, ref: null, signal })
    }
    case 'run-task': {
      const options = { environment: act.environment, task: 'seed', signal, log: () => {} }
      return await runTask(engine, await scene(), options)
    }
    default:
      return impossible
  }
}
