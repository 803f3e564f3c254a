/**
 * Data without its mistaken parts, so that what is right can be checked further and all mistakes are found at once.
 * Lists keep track of where their items stood.
 */
import type { Path } from './yaml-source.ts'

export class PrunedData {
  readonly #root: unknown
  readonly #pruned = new Map<object, Set<string | number>>()
  /** For each list handed out, the original index of each item. */
  readonly #origins = new WeakMap<object, number[]>()
  #current: unknown

  constructor(root: unknown) {
    this.#root = root
    this.#current = root
  }

  /** The data without what was pruned. */
  get data(): unknown {
    return this.#current
  }

  /** The path in the original of a path in `data`. */
  originalPath(path: Path): Path {
    const original: Array<string | number> = []
    let value = this.#current
    for (const step of path) {
      const origin = typeof step === 'number' && isContainer(value) ? this.#origins.get(value)?.[step] : undefined
      original.push(origin ?? step)
      value = memberOf(value, step)
    }
    return original
  }

  /**
   * Takes away what stands at an original path, or the deepest part of it that exists.
   * Answers the path of the container it was taken from; null where nothing could be taken.
   */
  prune(path: Path): Path | null {
    let container: unknown = this.#root
    let depth = 0
    while (depth < path.length - 1) {
      const next = memberOf(container, path[depth] ?? '')
      if (!isContainer(next)) break
      container = next
      depth += 1
    }
    const step = path[depth]
    if (step === undefined || !isContainer(container) || memberOf(container, step) === undefined) return null
    const steps = this.#pruned.get(container) ?? new Set()
    if (steps.has(step)) return null
    this.#pruned.set(container, steps.add(step))
    return path.slice(0, depth)
  }

  /** Brings `data` up to date with what was pruned. */
  refresh(): void {
    this.#current = this.#copy(this.#root)
  }

  #copy(value: unknown): unknown {
    if (!isContainer(value)) return value
    const pruned = this.#pruned.get(value)
    if (Array.isArray(value)) {
      const origins = value.map((_, index) => index).filter((index) => pruned?.has(index) !== true)
      const items = origins.map((index) => this.#copy(value[index]))
      this.#origins.set(items, origins)
      return items
    }
    const kept = Object.entries(value).filter(([key]) => pruned?.has(key) !== true)
    return Object.fromEntries(kept.map(([key, member]) => [key, this.#copy(member)]))
  }
}

const isContainer = (value: unknown): value is object => typeof value === 'object' && value !== null

/** Own members only: a path may hold any word. */
const memberOf = (value: unknown, step: string | number): unknown =>
  isContainer(value) ? Object.getOwnPropertyDescriptor(value, step)?.value : undefined
