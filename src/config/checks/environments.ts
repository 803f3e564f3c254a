/** Environments that name what is not there, or contradict themselves. */

import { isStaged, type RolloutStrategy } from '../../model/index.ts'
import { didYouMean } from '../did-you-mean.ts'
import type { PlacedMistake } from '../explain-issue.ts'
import { oneOf } from '../mistake.ts'
import type { EnvironmentDocument } from '../schema/environment.ts'
import type { Path } from '../yaml-source.ts'
import type { Check, CheckContext } from './check.ts'

export const checkEnvironments: Check = function* (context) {
  for (const [name, environment] of Object.entries(context.document.environments)) {
    const path = ['environments', name]
    yield* approvers(environment, path, context)
    yield* repeatedNames(environment, path)
    yield* takenPorts(environment, path)
    yield* unknownVerifications(environment, path)
  }
}

function* approvers({ approval }: EnvironmentDocument, path: Path, context: CheckContext): Iterable<PlacedMistake> {
  if (approval === undefined || approval.by.length === 0) return
  const { groups } = context.declared
  const eligible = new Set<string>()
  let isComplete = true
  for (const [index, approver] of approval.by.entries()) {
    if (!approver.startsWith('@')) {
      eligible.add(approver.toLowerCase())
      continue
    }
    const group = approver.slice(1)
    if (!groups.has(group)) {
      const closest = didYouMean(
        approver,
        [...groups].map((known) => `@${known}`),
      )
      yield {
        path: [...path, 'approval', 'by', index],
        mistake: {
          code: 'UNKNOWN_GROUP',
          message: `unknown group \`${approver}\`${closest}`,
          hint: 'groups stand under `people`',
        },
      }
    }
    const members = Object.hasOwn(context.document.people, group) ? context.document.people[group] : undefined
    if (members === undefined) isComplete = false
    for (const member of members ?? []) eligible.add(member.email.toLowerCase())
  }
  if (isComplete && approval.quorum > eligible.size) {
    const people = eligible.size === 1 ? '1 person' : `${eligible.size} people`
    yield {
      path: [...path, 'approval', 'quorum'],
      mistake: {
        code: 'QUORUM_TOO_LARGE',
        message: `${approval.quorum} must approve, and ${people} may: this environment could never be deployed`,
      },
    }
  }
}

/**
 * A hook's last run is remembered by its name, and people speak of hooks and verifications by name. A rollback hook may
 * have the name of the one it undoes: it runs only where that one ran.
 */
function* repeatedNames({ hooks, verify }: EnvironmentDocument, path: Path): Iterable<PlacedMistake> {
  const placed = (phase: keyof typeof hooks) =>
    hooks[phase].map(({ name }, index) => ({ name, path: [...path, 'hooks', phase, index, 'name'] }))
  yield* repeated('hook', [...placed('before'), ...placed('after')])
  yield* repeated('hook', placed('rollback'))
  yield* repeated(
    'verification',
    verify.map(({ name }, index) => ({ name, path: [...path, 'verify', index, 'name'] })),
  )
}

function* repeated(noun: string, named: ReadonlyArray<{ name: string; path: Path }>): Iterable<PlacedMistake> {
  const seen = new Set<string>()
  for (const { name, path } of named) {
    if (seen.has(name)) {
      yield {
        path,
        mistake: { code: 'DUPLICATE_NAME', message: `there are two ${noun}s called \`${name}\` in this environment` },
      }
    }
    seen.add(name)
  }
}

/** Stages are verified by what the environment declares. */
function* unknownVerifications(environment: EnvironmentDocument, path: Path): Iterable<PlacedMistake> {
  const known = environment.verify.map(({ name }) => name)
  const rollouts: Array<[Path, RolloutStrategy]> = [
    [[...path, 'rollout'], environment.rollout],
    ...Object.entries(environment.rollouts).map(([service, rollout]): [Path, RolloutStrategy] => [
      [...path, 'rollouts', service],
      rollout,
    ]),
  ]
  for (const [at, rollout] of rollouts) {
    for (const [name, place] of verificationsIn(rollout)) {
      if (known.includes(name)) continue
      const meant = didYouMean(name, known)
      const hint = meant === '' ? { hint: hintFor(known) } : {}
      yield {
        path: [...at, ...place],
        mistake: { code: 'UNKNOWN_VERIFICATION', message: `unknown verification \`${name}\`${meant}`, ...hint },
      }
    }
  }
}

const hintFor = (known: readonly string[]): string =>
  known.length === 0 ? 'declare it under `verify` of this environment' : `this environment has ${oneOf(known, 'and')}`

/** Each name with the place it was written at. */
function* verificationsIn(rollout: RolloutStrategy): Iterable<[string, Path]> {
  if (!isStaged(rollout)) return
  if (rollout.kind === 'blue-green') {
    // Its stages share what is written once.
    for (const name of rollout.stages[0]?.verify ?? []) yield [name, ['blue-green', 'verify']]
    return
  }
  for (const [index, { verify }] of rollout.stages.entries()) {
    for (const name of verify ?? []) yield [name, ['canary', 'steps', index, 'verify']]
  }
}

function* takenPorts(environment: EnvironmentDocument, path: Path): Iterable<PlacedMistake> {
  const holders = new Map<number, string>()
  const targets = Object.entries(environment.targets ?? {}).map(([name, target]) => ({ at: ['targets', name], target }))
  if (environment.target !== undefined) targets.push({ at: ['target'], target: environment.target })
  for (const { at, target } of targets) {
    if (target.kind !== 'fleet') continue
    for (const [service, port] of Object.entries(target.fleet.ports)) {
      const holder = holders.get(port)
      if (holder !== undefined) {
        yield {
          path: [...path, ...at, 'fleet', 'ports', service],
          mistake: { code: 'PORT_TAKEN', message: `port ${port} is taken: \`${holder}\` has it in this environment` },
        }
      }
      holders.set(port, service)
    }
  }
}
