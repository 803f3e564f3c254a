/**
 * Loaded before the real command line (`node --import`): the wall clock is wrong by as many milliseconds as the file
 * `CRASH_CLOCK` says, and jumps whenever that changes. The monotonic clock goes on as it does in reality.
 */
import { readFileSync } from 'node:fs'

const RealDate = Date
const file = process.env['CRASH_CLOCK'] ?? ''

function offsetMs(): number {
  try {
    return Number(readFileSync(file, 'utf8')) || 0
  } catch {
    return 0
  }
}

class JumpingDate extends RealDate {
  constructor(...given: ConstructorParameters<typeof Date> | []) {
    if (given.length === 0) super(RealDate.now() + offsetMs())
    else super(...given)
  }

  static override now(): number {
    return RealDate.now() + offsetMs()
  }
}

globalThis.Date = JumpingDate as DateConstructor
