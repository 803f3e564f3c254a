/**
 * Services that are deployed in place, as their `appspec.yml` says: a lifecycle is a job of this host. While one is under
 * way, or when one failed, nothing counts as running here: the record says so before the first script begins.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { usageError } from '../../../model/index.ts'
import { programCommand } from '../../../program/index.ts'
import { maxEventSeconds, scriptEvents } from '../lifecycle/appspec.ts'
import type { Lifecycle } from '../lifecycle/run-lifecycle.ts'
import { writeJsonDurably } from './durable-file.ts'
import type { Host } from './host.ts'
import type { Jobs } from './jobs.ts'
import type { JobStatus, Scope, Template } from './protocol.ts'
import type { ServiceRecord } from './records.ts'
import { fileNameOf, serviceKey } from './scope-keys.ts'
import type { Supervisor } from './supervisor.ts'

/** Every event at its limit, and as long again for copying. */
const timeoutMs = 2 * scriptEvents.length * maxEventSeconds * 1000

/** Someone waits for the host to be clear: a script that hangs does not keep them for ever. */
const maxRemovalMs = 120_000
const lookEveryMs = 100

export type StartedLifecycle = JobStatus & { key: string }

export class Lifecycles {
  private readonly host: Host
  private readonly supervisor: Supervisor
  private readonly jobs: Jobs

  constructor(host: Host, supervisor: Supervisor, jobs: Jobs) {
    this.host = host
    this.supervisor = supervisor
    this.jobs = jobs
  }

  /** Begins to bring the service to a generation (null: away from this host), or joins the lifecycle that does so already. */
  start(scope: Scope, service: string, wanted: string | null): StartedLifecycle {
    const before = this.supervisor.service(scope, service).record
    const isUnderWay = before.change?.to === wanted && !this.hasFailed(before)
    const record = isUnderWay ? before : this.supervisor.beginInPlace(scope, service, wanted)
    const key = keyOf(record)
    if (this.jobs.find(scope, key) === null) this.begin(record, key, wanted)
    return { ...this.jobs.status(scope, key, 0), key }
  }

  /** Stops a project's services, or all, by their own scripts, and takes their files away. Bounded by their own limits. */
  async removeAll(project: string | null): Promise<void> {
    // What failed on its first way here never ran: nothing is there to stop it with.
    const removals = this.supervisor
      .inPlace(project)
      .flatMap(({ scope, service, stable }) =>
        stable === null ? [] : [{ scope, key: this.start(scope, service, null).key }],
      )
    const deadlineMs = this.host.clock.monotonicMs() + maxRemovalMs
    const isOver = ({ scope, key }: { scope: Scope; key: string }) => this.jobs.find(scope, key)?.isOver !== false
    while (!removals.every(isOver) && this.host.clock.monotonicMs() < deadlineMs) {
      this.jobs.tick(this.host.clock.now())
      await this.host.clock.sleep(lookEveryMs, AbortSignal.timeout(maxRemovalMs + 1000))
    }
  }

  /** Whether the lifecycle under way has ended otherwise than well: asked for again, it begins anew. */
  private hasFailed(record: ServiceRecord): boolean {
    const outcome = this.jobs.find(record.scope, keyOf(record))?.outcome()
    if (outcome === undefined || outcome.kind === 'running' || outcome.kind === 'never-started') return false
    return outcome.kind !== 'ended' || outcome.exitCode !== 0
  }

  private begin(record: ServiceRecord, key: string, wanted: string | null): void {
    const { scope, service, generations, stable } = record
    const next = wanted === null ? null : generations[wanted]
    const previous = stable === null ? undefined : generations[stable]
    if (next === undefined)
      throw usageError('UNKNOWN_GENERATION', `generation ${wanted} of ${service} is not known here`)
    const template = next ?? previous
    if (template === undefined) throw usageError('NOTHING_IN_PLACE', `${service} is not deployed in place here`)
    const folder = join(this.host.paths.lifecycles, fileNameOf(serviceKey(scope, service)))
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const lifecycle: Lifecycle = {
      ...scope,
      service,
      generation: template.generation,
      wanted: next === null ? null : this.revisionOf(next),
      previous: previous?.lifecycle ? this.revisionOf(previous) : null,
      ignoreStopFailures: template.lifecycle?.ignoreStopFailures ?? false,
      record: join(folder, 'installed.json'),
    }
    const file = join(folder, 'lifecycle.json')
    writeJsonDurably(file, lifecycle)
    this.jobs.start(scope, {
      key,
      name: 'lifecycle',
      service,
      artifact: template.artifact,
      command: programCommand('lifecycle', file).map(quoted).join(' '),
      env: template.env,
      secrets: template.secrets,
      timeoutMs,
    })
  }

  private revisionOf({ artifact, command }: Template): NonNullable<Lifecycle['wanted']> {
    return { bundle: join(this.host.paths.artifacts, artifact.slice('sha256:'.length)), appspec: command }
  }
}

const keyOf = ({ service, change }: ServiceRecord): string => `lifecycle/${service}/${change?.id ?? ''}`

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`
