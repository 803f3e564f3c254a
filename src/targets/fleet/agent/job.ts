/**
 * One job (hook, task): runs at most once, whoever asks how often, and its end is known even when no agent was there to
 * see it. A small shell around the command claims the run, writes its pid, and at the end the exit status.
 */
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { JobOutcome } from '../../../ports/index.ts'
import { findLaunched, isAlive, launchDetached, type ProcessIdentityRecord, signalGroup } from './detached-process.ts'
import { readJson, readText, writeJsonDurably } from './durable-file.ts'
import type { Host } from './host.ts'
import { rotateLog } from './log-file.ts'
import { type JobRecord, jobRecordSchema, type LaunchRecord, launchRecordSchema } from './records.ts'

/**
 * `$1` is the job's folder, `$2` its command. `mkdir` succeeds for one only: where an agent died between start and
 * record and the next one starts the job again, the second shell finds the claim and ends. The status appears whole.
 */
const wrapper = `mkdir "$1/claimed" 2>/dev/null || exit 0
echo $$ >"$1/claimed/pid"
/bin/sh -c "$2"
echo $? >"$1/status.new" && mv "$1/status.new" "$1/status"`

const killAfterMs = 5000
/** Between a claim and its pid lie microseconds; on a machine that swaps, perhaps seconds. */
const claimPatienceMs = 10_000
const outputRotation = { maxBytes: 16 * 1024 * 1024, keptFiles: 1 }

type End = NonNullable<JobRecord['outcome']>

export class Job {
  readonly folder: string
  private readonly host: Host
  private state: JobRecord
  private process: ProcessIdentityRecord | null = null
  private marker: string | null = null
  private launchedAtMs = 0
  /** Why and when it was told to end; it is over when nothing of it is left. */
  private ending: { as: 'timed-out' | 'unknown'; atMs: number } | null = null
  private readonly wake: () => void

  private constructor(host: Host, folder: string, state: JobRecord, wake: () => void) {
    this.host = host
    this.folder = folder
    this.state = state
    this.wake = wake
  }

  static create(host: Host, folder: string, record: JobRecord, wake: () => void): Job {
    mkdirSync(join(folder, 'tmp'), { recursive: true, mode: 0o700 })
    writeJsonDurably(join(folder, 'job.json'), record)
    return new Job(host, folder, record, wake)
  }

  /** A job of an earlier agent: running on, ended meanwhile, or never begun. null where the folder holds none. */
  static load(host: Host, folder: string, wake: () => void): Job | null {
    const record = readJson(join(folder, 'job.json'), jobRecordSchema)
    if (record === null) return null
    const job = new Job(host, folder, record, wake)
    const launch = readJson(join(folder, 'launch.json'), launchRecordSchema)
    if (launch !== null && record.outcome === null) {
      job.marker = launch.marker
      job.launchedAtMs = launch.launchedAtMs
      job.process = launch.process ?? findLaunched(join(folder, 'claimed', 'pid'), launch.marker)
    }
    return job
  }

  get record(): Readonly<JobRecord> {
    return this.state
  }

  get isOver(): boolean {
    return this.state.outcome !== null
  }

  get currentMarker(): string | null {
    return this.isOver ? null : this.marker
  }

  get outputFile(): string {
    return join(this.folder, 'output.log')
  }

  /** Starts it unless it was ever claimed. Throws errored `PROCESS_START`. */
  start(): void {
    if (this.isOver || this.hasBegun) return
    const { job } = this.state
    this.marker = `${this.host.paths.fleetId}.job.${this.host.random.hex(8)}`
    this.launchedAtMs = this.host.clock.now()
    const launch: LaunchRecord = { version: 1, marker: this.marker, process: null, launchedAtMs: this.launchedAtMs }
    writeJsonDurably(join(this.folder, 'launch.json'), launch)
    this.process = launchDetached(
      {
        command: wrapper,
        parameters: [this.folder, job.command],
        cwd: join(this.host.paths.artifacts, job.artifact.slice('sha256:'.length)),
        env: { ...this.host.baseEnvironment, TMPDIR: join(this.folder, 'tmp'), ...job.env },
        marker: this.marker,
        pidFile: join(this.folder, 'pid'),
        stdout: this.outputFile,
        stderr: this.outputFile,
      },
      () => this.wake(),
    )
    writeJsonDurably(join(this.folder, 'launch.json'), { ...launch, process: this.process })
  }

  /** Ends it early; how far it came is then unknown. */
  stop(nowMs: number): void {
    if (!this.isOver && this.process !== null) this.endEarly('unknown', nowMs)
  }

  /** At once and for good: the job is about to be forgotten. */
  kill(): void {
    if (!this.isOver) this.signal('SIGKILL')
  }

  /** Looks whether it is over, and ends it when its time is up. */
  tick(nowMs: number): void {
    if (this.isOver || !this.hasBegun) return
    rotateLog(this.outputFile, outputRotation)
    const isRunning = this.process === null ? this.isClaimFresh(nowMs) : isAlive(this.process)
    if (!isRunning && !this.isWindingUp(nowMs)) this.finish(this.endOf())
    else if (this.ending === null && nowMs - this.launchedAtMs >= this.state.job.timeoutMs)
      this.endEarly('timed-out', nowMs)
    else if (this.ending !== null && nowMs - this.ending.atMs >= killAfterMs) this.signal('SIGKILL')
  }

  /** As the port says it, without the log. */
  outcome(): JobOutcome {
    const { outcome } = this.state
    if (outcome?.kind === 'ended') return { ...outcome, logTail: [] }
    if (outcome?.kind === 'timed-out') return { kind: 'timed-out', logTail: [] }
    if (outcome?.kind === 'unknown') return { kind: 'unknown' }
    return this.hasBegun ? { kind: 'running' } : { kind: 'never-started' }
  }

  private get hasBegun(): boolean {
    return this.process !== null || existsSync(join(this.folder, 'claimed'))
  }

  private isClaimFresh(nowMs: number): boolean {
    const claim = statSync(join(this.folder, 'claimed'), { throwIfNoEntry: false })
    if (claim === undefined || existsSync(join(this.folder, 'status'))) return false
    this.process = findLaunched(join(this.folder, 'claimed', 'pid'), this.marker ?? '')
    return this.process !== null || nowMs - claim.mtimeMs < claimPatienceMs
  }

  /** The wrapping shell ends at the first signal; its command may still be tidying up. */
  private isWindingUp(nowMs: number): boolean {
    if (this.ending === null || this.process === null) return false
    return nowMs - this.ending.atMs < 2 * killAfterMs && signalGroup(this.process.pid, 0)
  }

  private endEarly(as: 'timed-out' | 'unknown', nowMs: number): void {
    this.ending ??= { as, atMs: nowMs }
    this.signal('SIGTERM')
  }

  private signal(signal: NodeJS.Signals): void {
    if (this.process !== null) signalGroup(this.process.pid, signal)
  }

  /** The status it wrote counts; a process that ended without one says nothing. */
  private endOf(): End {
    const status = readText(join(this.folder, 'status'))
    if (status !== null && /^\d+\s*$/.test(status)) return { kind: 'ended', exitCode: Number.parseInt(status, 10) }
    return { kind: this.ending?.as ?? 'unknown' }
  }

  private finish(outcome: End): void {
    // A command that left something running in the background: the job is over, and so is that.
    this.signal('SIGKILL')
    rmSync(join(this.folder, 'tmp'), { recursive: true, force: true })
    this.process = null
    const record = { ...this.state, outcome }
    writeJsonDurably(join(this.folder, 'job.json'), record)
    this.state = record
    this.wake()
  }
}
