/**
 * Every place where a configuration names a service or an environment. Works on the data as written, so that a name is
 * looked up whatever else is wrong around it.
 */
import { didYouMean } from '../did-you-mean.ts'
import type { PlacedMistake } from '../explain-issue.ts'
import type { Path } from '../yaml-source.ts'

type NamePlace = {
  /** Keys from the root; `*` stands for every member. A list of one may be written as its item. */
  path: readonly string[]
  noun: 'service' | 'environment'
  /** Names stand as the keys of the mapping at `path`. */
  asKeys?: boolean
  /** What is named must have an address. */
  mustServe?: boolean
}

const namePlaces: readonly NamePlace[] = [
  { path: ['services', '*', 'needs', '*'], noun: 'service' },
  { path: ['services', '*', 'deployAfter', '*'], noun: 'service' },
  { path: ['services', '*', 'artifact', 'of'], noun: 'service' },
  { path: ['services', '*', 'env', '*', 'service'], noun: 'service', mustServe: true },
  { path: ['services', '*', 'run', 'cloudformation', 'code', '*'], noun: 'service' },
  { path: ['environments', '*', 'after', '*'], noun: 'environment' },
  { path: ['environments', '*', 'hooks', '*', '*', 'service'], noun: 'service' },
  { path: ['environments', '*', 'hooks', 'before', '*', 'deployAfter', '*'], noun: 'service' },
  { path: ['environments', '*', 'verify', '*', 'service'], noun: 'service', mustServe: true },
  { path: ['environments', '*', 'verify', '*', 'env', '*', 'service'], noun: 'service', mustServe: true },
  { path: ['environments', '*', 'target', 'fleet', 'ports'], noun: 'service', asKeys: true, mustServe: true },
  { path: ['environments', '*', 'targets', '*', 'fleet', 'ports'], noun: 'service', asKeys: true, mustServe: true },
  { path: ['environments', '*', 'rollouts'], noun: 'service', asKeys: true },
  { path: ['tasks', '*', 'service'], noun: 'service' },
  { path: ['notify', '*', 'environments', '*'], noun: 'environment' },
]

type Mapping = Readonly<Record<string, unknown>>

/** Names of what is not there, and services asked for an address they do not have. Paths lead into the file. */
export function* checkNames(data: Mapping): Iterable<PlacedMistake> {
  const known = { service: mappingAt(data, 'services'), environment: mappingAt(data, 'environments') }
  for (const { path, noun, asKeys = false, mustServe = false } of namePlaces) {
    for (const found of valuesAt(data, path)) {
      const names = asKeys && isMapping(found.value) ? Object.keys(found.value) : [found.value]
      for (const name of names) {
        if (typeof name !== 'string') continue
        const wrong = mistakeIn(name, noun, known[noun], mustServe)
        if (wrong !== null) yield { path: found.path, mistake: { ...wrong, ...(asKeys ? { key: name } : {}) } }
      }
    }
  }
}

function mistakeIn(name: string, noun: NamePlace['noun'], known: Mapping, mustServe: boolean) {
  if (!Object.hasOwn(known, name)) {
    const code = noun === 'service' ? 'UNKNOWN_SERVICE' : 'UNKNOWN_ENVIRONMENT'
    return { code, message: `unknown ${noun} \`${name}\`${didYouMean(name, Object.keys(known))}` }
  }
  if (!mustServe || !servesNothing(known[name])) return null
  return {
    code: 'SERVICE_WITHOUT_PORT',
    message: `service \`${name}\` serves nothing: it has no \`run.port\``,
    hint: 'for example `run: { command: …, port: PORT }`',
  }
}

/** Of a service as written. */
function servesNothing(service: unknown): boolean {
  if (!isMapping(service)) return false
  const { run } = service
  // What a cluster is told may serve, whatever else it says.
  return !(isMapping(run) && ['port', 'container', 'kubernetes'].some((key) => Object.hasOwn(run, key)))
}

const mappingAt = (data: Mapping, key: string): Mapping => {
  const value = data[key]
  return isMapping(value) ? value : {}
}

/** Everything that stands where the pattern leads, with its path. */
function* valuesAt(
  value: unknown,
  pattern: readonly string[],
  path: Path = [],
): Iterable<{ path: Path; value: unknown }> {
  const [step, ...rest] = pattern
  if (step === undefined) {
    yield { path, value }
  } else if (step !== '*') {
    if (isMapping(value) && Object.hasOwn(value, step)) yield* valuesAt(value[step], rest, [...path, step])
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* valuesAt(item, rest, [...path, index])
  } else if (isMapping(value)) {
    for (const [key, member] of Object.entries(value)) yield* valuesAt(member, rest, [...path, key])
  } else {
    yield* valuesAt(value, rest, [...path, 0])
  }
}

const isMapping = (value: unknown): value is Mapping =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
