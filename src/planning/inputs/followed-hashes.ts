/**
 * Input hashes that go along with a history: while the project is the same, a hash differs by the digests of its files
 * and by the hashes behind it, and by nothing else that it was made of.
 */
import { digestOf } from '../../hashing/index.ts'
import type { InputHash, Project, ServiceName } from '../../model/index.ts'
import { ownerOf } from './artifact-owner.ts'
import type { FollowedSelection } from './followed-selection.ts'
import type { InputHashes } from './hash-inputs.ts'
import type { HashManifest } from './hash-manifest.ts'

/** Hashes of one commit: a record is the same object as at the commit before where nothing in it differs. */
export type CommitHashes = Pick<InputHashes, 'inputHash' | 'checkHash' | 'deployHash' | 'prepareHash'>

/** What a hash was made of, without the files: those of every commit would be kept with it. */
type Made = Pick<HashManifest, 'hash' | 'parts'>
type MadeService = { build: Made; checks: ReadonlyMap<string, Made>; deploy: Made }

export class FollowedHashes {
  readonly #project: Project
  readonly #dependents: ReadonlyMap<ServiceName, readonly ServiceName[]>
  readonly #services: Map<ServiceName, MadeService>
  #prepare: Made | null
  #hashes: CommitHashes

  constructor(project: Project, { inputHash, checkHash, deployHash, prepareHash, services, prepare }: InputHashes) {
    this.#project = project
    this.#dependents = dependentsIn(project)
    this.#hashes = { inputHash, checkHash, deployHash, prepareHash }
    this.#prepare = prepare === null ? null : madeOf(prepare)
    this.#services = new Map(
      Object.entries(services).map(([name, { build, checks, deploy }]): [ServiceName, MadeService] => [
        name,
        {
          build: madeOf(build),
          checks: new Map(Object.entries(checks).map(([check, manifest]) => [check, madeOf(manifest)])),
          deploy: madeOf(deploy),
        },
      ]),
    )
  }

  get hashes(): CommitHashes {
    return this.#hashes
  }

  /** Goes on to a selection that differs in lists of the `touched` services alone; answers those whose hashes differ. */
  renew(selection: FollowedSelection, touched: Iterable<ServiceName>): ServiceName[] {
    const affected = this.#renewPrepare(selection) ? new Set(this.#services.keys()) : this.#withDependents(touched)
    if (affected.size === 0) return []
    const builds = new Map<ServiceName, Made>()
    const buildOf = (name: ServiceName): Made => {
      const owner = ownerOf(this.#project, name)
      const known = builds.get(owner)
      if (known !== undefined) return known
      const { build } = this.#madeService(owner)
      const renewed = affected.has(owner)
        ? renew(build, [selection.digest(owner, 'inputs')], (part) => this.#behind(part, buildOf))
        : build
      builds.set(owner, renewed)
      return renewed
    }
    const changed: ServiceName[] = []
    for (const name of affected) {
      const before = this.#madeService(name)
      const files = [selection.digest(name, 'inputs'), selection.digest(name, 'checkInputs')]
      const after: MadeService = {
        build: buildOf(name),
        checks: new Map(
          Array.from(before.checks, ([check, made]): [string, Made] => [
            check,
            renew(made, files, (part) => this.#behind(part, buildOf)),
          ]),
        ),
        deploy: renew(before.deploy, [selection.digest(name, 'deployInputs')], () => null),
      }
      if (isSameService(before, after)) continue
      this.#services.set(name, after)
      changed.push(name)
    }
    this.#write(changed)
    return changed
  }

  /** Whether it has another hash: every service's rests on it. */
  #renewPrepare(selection: FollowedSelection): boolean {
    const before = this.#prepare
    const [service] = this.#services.keys()
    if (before === null || service === undefined) return false
    this.#prepare = renew(before, [selection.digest(service, 'prepare')], () => null)
    return this.#prepare.hash !== before.hash
  }

  #withDependents(touched: Iterable<ServiceName>): ReadonlySet<ServiceName> {
    const affected = new Set(touched)
    // Services that are added on the way are walked through, too.
    for (const name of affected) for (const dependent of this.#dependents.get(name) ?? []) affected.add(dependent)
    return affected
  }

  #behind(part: string, buildOf: (name: ServiceName) => Made): Made | null {
    if (part === 'prepare') return this.#prepare
    return part.startsWith(needs) ? buildOf(part.slice(needs.length)) : null
  }

  #madeService(name: ServiceName): MadeService {
    const made = this.#services.get(name)
    if (made === undefined) throw new Error(`no hashes of ${name}`)
    return made
  }

  #write(changed: readonly ServiceName[]): void {
    const { inputHash, checkHash, deployHash } = this.#hashes
    const services = changed.map((name): [ServiceName, MadeService] => [name, this.#madeService(name)])
    this.#hashes = {
      inputHash: written(inputHash, services, ({ build }) => build.hash),
      checkHash: written(checkHash, services, ({ checks }, before) => {
        const isSame = Array.from(checks).every(([check, { hash }]) => before[check] === hash)
        return isSame ? before : Object.fromEntries(Array.from(checks, ([check, { hash }]) => [check, hash]))
      }),
      deployHash: written(deployHash, services, ({ deploy }) => deploy.hash),
      prepareHash: this.#prepare?.hash ?? null,
    }
  }
}

const needs = 'needs:'

const madeOf = ({ hash, parts }: HashManifest): Made => ({ hash, parts })

/** The same where no file and nothing behind it differs; `files` are the digests of its lists. */
function renew(made: Made, files: readonly string[], behind: (part: string) => Made | null): Made {
  const parts: Record<string, string> = {}
  let isSame = true
  for (const part in made.parts) {
    const before = made.parts[part] ?? ''
    const after = part.startsWith(filesPart)
      ? (files[Number(part.slice(filesPart.length))] ?? before)
      : (behind(part)?.hash ?? before)
    parts[part] = after
    isSame &&= before === after
  }
  return isSame ? made : { hash: digestOf('inputs', parts) as InputHash, parts } // digestOf answers 64 hex digits
}

const filesPart = 'files:'

const isSameService = (one: MadeService, other: MadeService): boolean =>
  one.build.hash === other.build.hash &&
  one.deploy.hash === other.deploy.hash &&
  Array.from(one.checks).every(([check, { hash }]) => other.checks.get(check)?.hash === hash)

/** The record with what differs in these services, or itself. */
function written<Value>(
  record: Record<ServiceName, Value>,
  services: ReadonlyArray<readonly [ServiceName, MadeService]>,
  pick: (made: MadeService, before: Value) => Value,
): Record<ServiceName, Value> {
  let after = record
  for (const [name, made] of services) {
    const before = record[name]
    if (before === undefined) throw new Error(`no hash of ${name}`)
    const value = pick(made, before)
    if (value === before) continue
    if (after === record) after = { ...record }
    after[name] = value
  }
  return after
}

/** Services whose hashes rest on a service's lists, or on its build: those that run its artifact, those that need it. */
function dependentsIn(project: Project): ReadonlyMap<ServiceName, readonly ServiceName[]> {
  const dependents = new Map<ServiceName, ServiceName[]>()
  const add = (name: ServiceName, dependent: ServiceName) => {
    if (name === dependent) return
    const known = dependents.get(name)
    if (known === undefined) dependents.set(name, [dependent])
    else known.push(dependent)
  }
  for (const service of Object.values(project.services)) {
    const owner = ownerOf(project, service.name)
    add(owner, service.name)
    for (const needed of service.needs) add(ownerOf(project, needed), owner)
  }
  return dependents
}
