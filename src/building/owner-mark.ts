/**
 * File names that say which process they belong to, so that creating one and owning it is a single step and a crash
 * leaves nothing without an owner: `<host>-<pid>-<start>-<random>`. Short, since paths of sockets are (108 bytes).
 */
import { randomBytes } from 'node:crypto'
import { sha256 } from '../hashing/index.ts'
import { currentProcess, isSameProcessAlive } from '../process/index.ts'

const unknownHost = 'nowhere'
const markPattern = /^([0-9a-f]{8}|nowhere)-([0-9a-z]+)-([0-9a-z]+)-[0-9a-f]{8}$/

const hostMark = (host: string | null): string => (host === null ? unknownHost : sha256(host).slice(0, 8))

/** A fresh mark of this process. */
export function newOwnerMark(): string {
  const { host, pid, startedAt } = currentProcess()
  const start = startedAt === null ? 'x' : BigInt(startedAt).toString(36)
  return `${hostMark(host)}-${pid.toString(36)}-${start}-${randomBytes(4).toString('hex')}`
}

export const isOwnerMark = (name: string): boolean => markPattern.test(name)

/** Whether the process that made a mark still runs. `unknown` for one of another boot, host or container. */
export function livenessOfMark(mark: string): 'alive' | 'dead' | 'unknown' {
  const [, host, pid, start] = markPattern.exec(mark) ?? []
  if (pid === undefined || start === undefined) return 'unknown'
  const here = hostMark(currentProcess().host)
  if (host === unknownHost || host !== here) return 'unknown'
  const startedAt = start === 'x' ? null : String(fromBase36(start))
  return isSameProcessAlive(Number.parseInt(pid, 36), startedAt) ? 'alive' : 'dead'
}

/** Exact beyond 2^53, unlike `parseInt`. */
function fromBase36(digits: string): bigint {
  let value = 0n
  for (const digit of digits) value = value * 36n + BigInt(Number.parseInt(digit, 36))
  return value
}
