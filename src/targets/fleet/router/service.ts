/** One service: its backends as told, which of them take requests now, and who waits for one. */
import { Backend, type Exchange } from './backend.ts'
import { chooseNext, type Group, groupByWeight } from './balance.ts'
import type { BackendSpec, BackendStatus, ServiceSpec } from './protocol.ts'
import { WaitingLine } from './waiting-line.ts'

export type ServiceLog = (fields: object, message: string) => void

/** A new service's revisions must differ from those its key had before, in this process or an earlier one. */
let lastRevision = Date.now()

export class Service {
  readonly key: string
  readonly totals = { requests: 0, failures: 0 }
  revision = ++lastRevision
  private spec: ServiceSpec
  private backends: Backend[] = []
  /** Removed from the spec, with something under way, or handing over. */
  private leaving: Backend[] = []
  private candidates: Backend[] = []
  /** The candidates by weight. */
  private groups: Group<Backend>[] = []
  private readonly line = new WaitingLine()
  private readonly log: ServiceLog
  private readonly watchers = new Set<() => void>()

  constructor(key: string, spec: ServiceSpec, log: ServiceLog) {
    this.key = key
    this.spec = spec
    this.log = log
    this.apply(spec)
  }

  /** Makes it so at once: no request is chosen for between the old and the new. Applying the same again changes nothing. */
  apply(spec: ServiceSpec): void {
    const known = [...this.backends, ...this.leaving]
    this.spec = spec
    this.backends = spec.backends.map((backend) => this.keepOrAdd(backend, known))
    this.leaving = known.filter((backend) => !this.backends.includes(backend))
    for (const backend of this.leaving) backend.leave()
    this.refresh()
  }

  private keepOrAdd(spec: BackendSpec, known: readonly Backend[]): Backend {
    const same = known.find((backend) => backend.isAt(spec))
    if (same) {
      same.update(spec)
      return same
    }
    return new Backend(spec, {
      changed: () => this.refresh(),
      log: (fields, message) => this.log({ service: this.key, ...fields }, message),
    })
  }

  /** Finds a backend for the exchange, now or soon: calls its `proceed` or `giveUp`. */
  assign(exchange: Exchange): void {
    const backend = chooseNext(this.groups)
    if (backend === null) {
      this.line.join(exchange)
    } else {
      backend.begin(exchange)
      exchange.proceed(backend)
    }
  }

  /** The client of a waiting exchange is gone. */
  abandon(exchange: Exchange): void {
    this.line.leave(exchange)
  }

  get waiting(): number {
    return this.line.length
  }

  get isIdle(): boolean {
    return this.waiting === 0 && [...this.backends, ...this.leaving].every((backend) => backend.inFlight === 0)
  }

  backendStatuses(): BackendStatus[] {
    return [...this.backends, ...this.leaving].map((backend) => backend.status())
  }

  cutAll(): void {
    for (const exchange of this.line.takeAll()) exchange.giveUp()
    for (const backend of [...this.backends, ...this.leaving]) backend.cutAll()
  }

  dispose(): void {
    this.cutAll()
    for (const backend of [...this.backends, ...this.leaving]) backend.dispose()
    this.touch()
  }

  /** Resolves once the revision is another one, or the signal aborts. */
  async changedSince(revision: number, signal: AbortSignal): Promise<void> {
    if (revision !== this.revision || signal.aborted) return
    await new Promise<void>((resolve) => {
      const done = () => {
        this.watchers.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      this.watchers.add(done)
      signal.addEventListener('abort', done)
    })
  }

  touch(): void {
    this.revision = ++lastRevision
    for (const wake of [...this.watchers]) wake()
  }

  /** Settles, from all that is known now, who takes requests and who may go. */
  private refresh(): void {
    this.chooseCandidates()
    this.letGo()
    this.touch()
    if (this.candidates.length > 0) for (const exchange of this.line.takeAll()) this.assign(exchange)
  }

  private chooseCandidates(): void {
    const wanted = this.backends.filter((backend) => backend.weight > 0 && !backend.drain)
    const well = wanted.filter((backend) => backend.isWell)
    // Those that were just replaced go on until one of the new is well: a replacement never leaves nobody.
    const handsOver = well.length === 0 && wanted.length > 0
    for (const backend of this.leaving) backend.handsOver &&= handsOver && backend.state === 'healthy'
    const candidates = handsOver ? this.leaving.filter((backend) => backend.handsOver && backend.isWell) : well

    if (!sameMembers(candidates, this.candidates)) {
      for (const backend of this.candidates) backend.accepting = false
      for (const backend of candidates) backend.accept()
      this.candidates = candidates
      this.groups = []
    }
    if (!haveWeights(this.groups, candidates)) this.groups = groupByWeight(candidates)
  }

  /** Starts, stops and ends draining. */
  private letGo(): void {
    for (const backend of [...this.backends, ...this.leaving]) {
      if (backend.isDraining) backend.cutAfter(this.spec.drainTimeoutMs)
      else backend.stayOpen()
    }
    const gone = this.leaving.filter((backend) => backend.isDraining && backend.inFlight === 0)
    this.leaving = this.leaving.filter((backend) => !gone.includes(backend))
    for (const backend of gone) backend.dispose()
  }
}

/** Whether the groups are those that the candidates' weights make: then their credits go on. */
const haveWeights = (groups: readonly Group<Backend>[], candidates: readonly Backend[]): boolean =>
  groups.reduce((count, { members }) => count + members.length, 0) === candidates.length &&
  groups.every(({ each, members }) => members.every(({ weight }) => weight === each))

const sameMembers = <T>(left: readonly T[], right: readonly T[]): boolean =>
  left.length === right.length && left.every((member, index) => member === right[index])
