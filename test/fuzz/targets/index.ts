import type { Kind, Target } from '../target.ts'
import { archivesTarget } from './archives.ts'
import { configTarget } from './config.ts'
import { recordsTarget } from './records.ts'
import { refsTarget } from './refs.ts'

export const targets: readonly Target[] = [configTarget, refsTarget, recordsTarget, archivesTarget]

export function targetNamed(name: string): Target {
  const target = targets.find((known) => known.name === name)
  if (target === undefined)
    throw new RangeError(`no target ${name}: there are ${targets.map((known) => known.name).join(', ')}`)
  return target
}

/** Kinds take turns, so that a short run meets each. */
export function kindAt(target: Target, index: number): Kind {
  const kind = target.kinds[index % target.kinds.length]
  if (kind === undefined) throw new RangeError(`${target.name} has no kinds`)
  return kind
}
