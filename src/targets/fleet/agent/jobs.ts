/** All jobs of this host, by environment and key. */
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { usageError } from '../../../model/index.ts'
import { missingArtifact } from './agent-errors.ts'
import type { ArtifactCache } from './artifact-cache.ts'
import type { Changes } from './changes.ts'
import type { Host } from './host.ts'
import { Job } from './job.ts'
import { lastLines, linesFrom } from './log-file.ts'
import { maskerOf, readable } from './log-reading.ts'
import type { JobSpec, JobStatus, Scope } from './protocol.ts'
import { jobFolderName } from './scope-keys.ts'

/** Outcomes are remembered; the oldest beyond this are forgotten. */
const keptJobs = 2000
const logTailLines = 40

export class Jobs {
  private readonly host: Host
  private readonly artifacts: ArtifactCache
  private readonly changes: Changes
  private readonly wake: () => void
  /** By folder name. */
  private readonly jobs = new Map<string, Job>()

  constructor(host: Host, artifacts: ArtifactCache, changes: Changes, wake: () => void) {
    this.host = host
    this.artifacts = artifacts
    this.changes = changes
    this.wake = wake
    for (const name of readdirSync(host.paths.jobs)) {
      const job = Job.load(host, join(host.paths.jobs, name), this.onChange)
      if (job === null) rmSync(join(host.paths.jobs, name), { recursive: true, force: true })
      else this.jobs.set(name, job)
    }
    this.forgetOldest()
  }

  /** Starts a job unless its key is known; the same key with another command is a mistake of the caller. */
  start(scope: Scope, spec: JobSpec): Job {
    const name = jobFolderName(scope, spec.key)
    const job = this.jobs.get(name) ?? this.create(name, scope, spec)
    const known = job.record.job
    if (known.command !== spec.command || known.artifact !== spec.artifact) {
      throw usageError('JOB_KEY_REUSED', `the job key ${spec.key} belongs to another command or artifact`)
    }
    job.start()
    this.wake()
    return job
  }

  find(scope: Scope, key: string): Job | null {
    return this.jobs.get(jobFolderName(scope, key)) ?? null
  }

  stop(scope: Scope, key: string): void {
    this.find(scope, key)?.stop(this.host.clock.now())
    this.wake()
  }

  tick(nowMs: number): void {
    for (const job of this.jobs.values()) job.tick(nowMs)
  }

  /** Its state with the output since `offset`; a job nobody knows was never started. */
  status(scope: Scope, key: string, offset: number): JobStatus {
    const job = this.find(scope, key)
    if (job === null) return { outcome: { kind: 'never-started' }, lines: [], offset }
    const masker = maskerOf(job.record.job)
    // Outcome first: what was written before the end is then in the output that is read after it.
    const outcome = job.outcome()
    const { lines, next } = linesFrom(job.outputFile, offset)
    const ended = outcome.kind === 'ended' || outcome.kind === 'timed-out'
    return {
      outcome: ended
        ? { ...outcome, logTail: lastLines(job.outputFile, logTailLines).lines.map((line) => readable(line, masker)) }
        : outcome,
      lines: lines.map((line) => readable(line, masker)),
      offset: next,
    }
  }

  get running(): Job[] {
    return [...this.jobs.values()].filter((job) => !job.isOver)
  }

  /** Marks of what runs, or may be about to: processes with these belong here. */
  get markers(): Set<string> {
    return new Set(this.running.flatMap((job) => job.currentMarker ?? []))
  }

  /** Ends and forgets the jobs of a project, or of all. */
  removeAll(project: string | null): void {
    for (const [name, job] of this.jobs) {
      if (project !== null && job.record.scope.project !== project) continue
      job.kill()
      this.jobs.delete(name)
      rmSync(job.folder, { recursive: true, force: true })
    }
  }

  private create(name: string, scope: Scope, spec: JobSpec): Job {
    if (!this.artifacts.has(spec.artifact)) throw missingArtifact(spec.artifact)
    const record = { version: 1 as const, scope, job: spec, createdAtMs: this.host.clock.now(), outcome: null }
    const job = Job.create(this.host, join(this.host.paths.jobs, name), record, this.onChange)
    this.jobs.set(name, job)
    return job
  }

  private forgetOldest(): void {
    const over = [...this.jobs].filter(([, job]) => job.isOver)
    over.sort(([, left], [, right]) => right.record.createdAtMs - left.record.createdAtMs)
    for (const [name, job] of over.slice(keptJobs)) {
      this.jobs.delete(name)
      rmSync(job.folder, { recursive: true, force: true })
    }
  }

  private readonly onChange = (): void => {
    this.changes.announce()
    this.wake()
  }
}
