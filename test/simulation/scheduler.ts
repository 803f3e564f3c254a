/**
 * Virtual time: everything that happens in a simulated world happens in one order, that of time, and by chance among
 * what happens at the same time. One history runs to its end without giving the thread away, so that nothing of the
 * machine's own timing gets in.
 */
import { setFlagsFromString } from 'node:v8'

export type Scheduler = {
  nowMs(): number
  /** `order` decides among events of the same moment. */
  at(timeMs: number, order: number, happen: () => void): void
  /** Carries out events until none is left, time is up, or `isOver` says so. */
  run(untilMs: number, isOver: () => boolean): void
}

/** Runs all promise continuations now. Waiting for the event loop instead takes six times as long. */
const settlePromises: () => void = (() => {
  setFlagsFromString('--allow-natives-syntax')
  const checkpoint = new Function('%PerformMicrotaskCheckpoint()')
  setFlagsFromString('--no-allow-natives-syntax')
  return () => checkpoint()
})()

type Event = { timeMs: number; order: number; number: number; happen: () => void }

const isBefore = (one: Event, other: Event): boolean =>
  one.timeMs !== other.timeMs
    ? one.timeMs < other.timeMs
    : one.order !== other.order
      ? one.order < other.order
      : one.number < other.number

export function createScheduler(): Scheduler {
  const heap: Event[] = []
  let nowMs = 0
  let count = 0

  const push = (event: Event): void => {
    let index = heap.length
    heap.push(event)
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = heap[parent]
      if (above === undefined || !isBefore(event, above)) break
      heap[index] = above
      index = parent
    }
    heap[index] = event
  }
  const pop = (): Event | undefined => {
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined || heap.length === 0) return first
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      let least = heap[child]
      if (least === undefined) break
      const right = heap[child + 1]
      if (right !== undefined && isBefore(right, least)) {
        least = right
        child++
      }
      if (!isBefore(least, last)) break
      heap[index] = least
      index = child
    }
    heap[index] = last
    return first
  }

  return {
    nowMs: () => nowMs,
    at(timeMs, order, happen) {
      push({ timeMs: Math.max(nowMs, timeMs), order, number: count++, happen })
    },
    run(untilMs, isOver) {
      settlePromises()
      while (!isOver()) {
        const next = heap[0]
        if (next === undefined || next.timeMs > untilMs) break
        pop()
        nowMs = next.timeMs
        next.happen()
        settlePromises()
      }
      if (!isOver()) nowMs = Math.max(nowMs, untilMs)
    },
  }
}

/**
 * Runs `simulate` where promises can be settled by hand: not inside a promise's continuation. Throws if that does not
 * work with this Node.
 */
export function asideOfPromises<Result>(simulate: () => Result): Promise<Result> {
  return new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        let isSettled = false
        Promise.resolve().then(() => {
          isSettled = true
        })
        settlePromises()
        if (!isSettled) throw new Error('promises cannot be settled by hand here')
        resolve(simulate())
      } catch (error) {
        reject(error)
      }
    })
  })
}
