/** One instance of a service: its record, its process, and its log. It is wanted until its record says `stopping`. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { currentProcess } from '../../../process/index.ts'
import {
  findLaunched,
  isAlive,
  launchDetached,
  type ProcessEnd,
  type ProcessIdentityRecord,
  signalGroup,
} from './detached-process.ts'
import { readJson, writeJsonDurably } from './durable-file.ts'
import { choosePort, type Host, isPortFree } from './host.ts'
import { type InstanceRecord, instanceRecordSchema, type LaunchRecord, launchRecordSchema } from './records.ts'
import { withExec } from './shell-command.ts'

const firstRestartMs = 250
const maxRestartMs = 30_000
/** An instance that ran this long was no crash loop: its count of ends begins anew. */
const stableAfterMs = 60_000
/** A service without a port says nothing about itself: running this long counts as healthy. */
const aliveIsHealthyMs = 2000
/** How long an instance waits for the router, beyond the time for draining, before it is told to end all the same. */
const unroutingSlackMs = 5000
/** After SIGKILL: a leader that stays as a zombie because nobody reaps it is as good as gone. */
const reapPatienceMs = 1000

export type RouterView = {
  /** null: the router has not said, or does not know it. */
  health: 'starting' | 'healthy' | 'unhealthy' | null
  inFlight: number | null
  /** Whether the router may still send it requests. */
  isRouted: boolean
}

export class Instance {
  readonly folder: string
  private readonly host: Host
  private state: InstanceRecord
  private process: ProcessIdentityRecord | null = null
  private launchedAtMs = 0
  private marker: string | null = null
  private nextStartAtMs = 0
  private isStarting = false
  private stop: { sinceMs: number; signalledAtMs: number | null; killedAtMs: number | null } | null = null
  private end: ProcessEnd | null = null
  /** Called when its process ends, so that the supervisor looks at once. */
  private readonly wake: () => void

  private constructor(host: Host, state: InstanceRecord, wake: () => void) {
    this.host = host
    this.state = state
    this.wake = wake
    this.folder = join(host.paths.instances, state.id)
  }

  /** Writes the record first: whatever starts later is known. */
  static create(host: Host, record: InstanceRecord, wake: () => void): Instance {
    const instance = new Instance(host, record, wake)
    mkdirSync(join(instance.folder, 'tmp'), { recursive: true, mode: 0o700 })
    instance.write(record)
    return instance
  }

  /** An instance of an earlier agent, with its process where that still runs; null where the folder holds none. */
  static load(host: Host, id: string, wake: () => void): Instance | null {
    const record = readJson(join(host.paths.instances, id, 'instance.json'), instanceRecordSchema)
    if (record === null || record.id !== id) return null
    const instance = new Instance(host, record, wake)
    instance.adopt()
    return instance
  }

  get record(): Readonly<InstanceRecord> {
    return this.state
  }

  get pid(): number | null {
    return this.process?.pid ?? null
  }

  /** The mark of the launch that is current; anything else with this instance's name is a leftover. */
  get currentMarker(): string | null {
    return this.marker
  }

  get logFiles(): { stdout: string; stderr: string } {
    return { stdout: join(this.folder, 'stdout.log'), stderr: join(this.folder, 'stderr.log') }
  }

  change(change: Partial<InstanceRecord>): void {
    this.write({ ...this.state, ...change })
  }

  /** A new attempt to roll this generation out: earlier failures no longer count against it. */
  freshStart(nowMs: number): void {
    if (this.state.notHealthySinceMs === null) return
    this.nextStartAtMs = 0
    this.change({ exits: 0, notHealthySinceMs: nowMs })
  }

  /** Looks at the process and does what is due: restart it, or end it by degrees. */
  async tick(nowMs: number, router: RouterView): Promise<void> {
    if (this.state.traffic === 'stopping') {
      this.advanceStop(nowMs, router)
      return
    }
    this.noticeEnd(nowMs)
    if (this.process === null && nowMs >= this.nextStartAtMs) await this.start(nowMs)
    this.noteHealth(nowMs, router)
  }

  private adopt(): void {
    const launch = readJson(join(this.folder, 'launch.json'), launchRecordSchema)
    if (launch === null || this.state.endedAtMs !== null) return
    const found = launch.process ?? findLaunched(this.pidFile, launch.marker)
    this.marker = launch.marker
    this.launchedAtMs = launch.launchedAtMs
    if (found === null || !isAlive(found)) return
    this.process = found
    if (launch.process === null) this.writeLaunch({ ...launch, process: found })
  }

  private noticeEnd(nowMs: number): void {
    if (this.process === null || isStillThere(this.process)) return
    const { pid } = this.process
    // What a dead instance leaves in its group would hold on to its port.
    signalGroup(pid, 'SIGKILL')
    this.process = null
    const wasStable = nowMs - this.launchedAtMs >= stableAfterMs
    const exits = wasStable ? 1 : this.state.exits + 1
    const how = this.end ? sentenceOf(this.end) : 'ended, nobody saw how'
    this.end = null
    this.nextStartAtMs = nowMs + this.restartDelayMs(exits)
    this.change({ exits, lastEnd: how, notHealthySinceMs: this.state.notHealthySinceMs ?? nowMs })
    this.host.log(`instance ${this.state.id} of ${this.state.service} (pid ${pid}) ${how}`)
  }

  /** Exponential with a bound; jittered, so that many do not come back in step. */
  private restartDelayMs(exits: number): number {
    const delayMs = Math.min(maxRestartMs, firstRestartMs * 2 ** Math.min(exits - 1, 20))
    return delayMs * (0.75 + 0.5 * this.host.random.fraction())
  }

  private async start(nowMs: number): Promise<void> {
    if (this.isStarting) return
    this.isStarting = true
    try {
      await this.ensurePortIsFree()
      // The record may have changed while we looked for a port.
      if (this.state.traffic !== 'stopping') this.launch()
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      const exits = this.state.exits + 1
      this.nextStartAtMs = nowMs + this.restartDelayMs(exits)
      this.change({
        exits,
        lastEnd: `could not be started: ${message}`,
        notHealthySinceMs: this.state.notHealthySinceMs ?? nowMs,
      })
      this.host.log(`instance ${this.state.id} of ${this.state.service} could not be started: ${message}`)
    } finally {
      this.isStarting = false
    }
  }

  private async ensurePortIsFree(): Promise<void> {
    const { port } = this.state
    if (port === null || (await isPortFree(port))) return
    this.change({ port: await choosePort(new Set([port]), this.host.random) })
  }

  private launch(): void {
    const { template, port, id } = this.state
    this.marker = `${this.host.paths.fleetId}.${id}.${this.host.random.hex(8)}`
    // The time of this launch, not of the tick that led to it: health is counted from here.
    this.launchedAtMs = this.host.clock.now()
    rmSync(this.pidFile, { force: true })
    const launch: LaunchRecord = { version: 1, marker: this.marker, process: null, launchedAtMs: this.launchedAtMs }
    this.writeLaunch(launch)
    this.end = null
    this.process = launchDetached(
      {
        command: withExec(template.command),
        cwd: join(this.host.paths.artifacts, template.artifact.slice('sha256:'.length)),
        env: {
          ...this.host.baseEnvironment,
          TMPDIR: join(this.folder, 'tmp'),
          ...template.env,
          ...(template.port !== null && port !== null ? { [template.port]: String(port) } : {}),
        },
        marker: this.marker,
        pidFile: this.pidFile,
        ...this.logFiles,
      },
      (end) => {
        this.end = end
        this.wake()
      },
    )
    this.writeLaunch({ ...launch, process: this.process })
    this.wake()
  }

  private noteHealth(nowMs: number, router: RouterView): void {
    const isHealthy = this.isHealthy(nowMs, router)
    if (isHealthy === (this.state.notHealthySinceMs === null)) return
    this.change({ notHealthySinceMs: isHealthy ? null : nowMs })
  }

  private isHealthy(nowMs: number, router: RouterView): boolean {
    if (this.process === null) return false
    if (this.state.template.port !== null) return router.health === 'healthy'
    return nowMs - this.launchedAtMs >= aliveIsHealthyMs
  }

  /** SIGTERM once the router has let go of it, SIGKILL when its time is up, and the record closed when nothing is left. */
  private advanceStop(nowMs: number, router: RouterView): void {
    this.stop ??= { sinceMs: nowMs, signalledAtMs: null, killedAtMs: null }
    const { stop } = this
    // A shell that leads the group may end before the program it started: all of the group counts.
    if (this.process === null || (!isStillThere(this.process) && !signalGroup(this.process.pid, 0))) {
      this.close(nowMs)
      return
    }
    const { pid } = this.process
    if (stop.signalledAtMs === null) {
      if (router.isRouted && nowMs - stop.sinceMs < this.state.template.drainTimeoutMs + unroutingSlackMs) return
      signalGroup(pid, 'SIGTERM')
      stop.signalledAtMs = nowMs
    } else if (stop.killedAtMs === null && nowMs - stop.signalledAtMs >= this.state.template.stopTimeoutMs) {
      signalGroup(pid, 'SIGKILL')
      stop.killedAtMs = nowMs
    } else if (stop.killedAtMs !== null && nowMs - stop.killedAtMs >= reapPatienceMs) {
      this.close(nowMs)
    }
  }

  private close(nowMs: number): void {
    rmSync(join(this.folder, 'tmp'), { recursive: true, force: true })
    this.process = null
    this.marker = null
    this.change({ endedAtMs: nowMs })
  }

  private write(record: InstanceRecord): void {
    writeJsonDurably(join(this.folder, 'instance.json'), record)
    this.state = record
  }

  private writeLaunch(launch: LaunchRecord): void {
    writeJsonDurably(join(this.folder, 'launch.json'), launch)
  }

  private get pidFile(): string {
    return join(this.folder, 'pid')
  }
}

/** Off Linux the full comparison starts a process, too dear for every tick: there the pid alone has to do between adoptions. */
function isStillThere(identity: ProcessIdentityRecord): boolean {
  if (process.platform === 'linux') return isAlive(identity)
  if (identity.host !== null && identity.host !== currentProcess().host) return false
  try {
    process.kill(identity.pid, 0)
    return true
  } catch {
    return false
  }
}

function sentenceOf({ exitCode, signal }: ProcessEnd): string {
  return signal !== null ? `was ended by ${signal}` : `ended with exit code ${exitCode ?? 'unknown'}`
}
