/** Which target of an environment runs which service: always exactly one. */
import { didYouMean } from '../did-you-mean.ts'
import type { PlacedMistake } from '../explain-issue.ts'
import { oneOf } from '../mistake.ts'
import { isMisspelt } from '../schema/shapes.ts'
import type { Check, CheckContext } from './check.ts'

export const checkTargets: Check = function* (context) {
  for (const name of context.declared.environments) yield* environmentTargets(name, context)
  for (const name of Object.keys(context.document.services)) yield* serviceTarget(name, context)
}

function* environmentTargets(name: string, { document, keysAt }: CheckContext): Iterable<PlacedMistake> {
  const environment = Object.hasOwn(document.environments, name) ? document.environments[name] : undefined
  if (environment === undefined) return
  const path = ['environments', name]
  const written = keysAt(path)
  const example = 'for example `target: { fleet: { hosts: [local], replicas: 2 } }`'
  if (written.includes('target') && written.includes('targets')) {
    yield {
      path,
      mistake: {
        code: 'NOT_EXACTLY_ONE',
        key: 'targets',
        message: `environment \`${name}\` has both \`target\` and \`targets\`: keep one of them`,
      },
    }
  } else if (!written.some((key) => isMisspelt(key, 'target'))) {
    yield {
      path,
      mistake: {
        code: 'NO_TARGET',
        message: `environment \`${name}\` has no target: it needs \`target\` or \`targets\``,
        hint: example,
      },
    }
  } else if (environment.targets !== undefined && keysAt([...path, 'targets']).length === 0) {
    yield {
      path: [...path, 'targets'],
      mistake: {
        code: 'NO_TARGET',
        message: `environment \`${name}\` has no target: \`targets\` is empty`,
        hint: example,
      },
    }
  }
}

/** A service must name its target where an environment has several by name; a name must be one that exists. */
function* serviceTarget(name: string, context: CheckContext): Iterable<PlacedMistake> {
  const { document, declared, keysAt } = context
  const service = document.services[name]
  const path = ['services', name]
  const named = [...declared.environments].map((environment) => ({
    environment,
    names: keysAt(['environments', environment, 'targets']),
  }))
  if (service?.target === undefined) {
    const several = named.find(({ names }) => names.length > 1)
    // Only what runs is deployed.
    if (several === undefined || service?.run === undefined || keysAt(path).includes('target')) return
    const message = `service \`${name}\` must name its \`target\`: environment \`${several.environment}\` has ${oneOf(several.names, 'and')}`
    yield { path, mistake: { code: 'TARGET_MISSING', message } }
    return
  }
  const { target } = service
  const place = [...path, 'target']
  const kinds = [...declared.environments].flatMap((environment) => keysAt(['environments', environment, 'target']))
  const known = new Set([...named.flatMap(({ names }) => names), ...kinds])
  if (!known.has(target)) {
    if (known.size === 0) return
    const meant = didYouMean(target, known)
    const hint = meant === '' ? { hint: `targets are ${oneOf([...known], 'and')}` } : {}
    yield { path: place, mistake: { code: 'UNKNOWN_TARGET', message: `unknown target \`${target}\`${meant}`, ...hint } }
    return
  }
  const lacking = named.find(({ names }) => names.length > 0 && !names.includes(target))
  if (lacking === undefined) return
  const message = `environment \`${lacking.environment}\` has no target \`${target}\`: it has ${oneOf(lacking.names, 'and')}`
  yield { path: place, mistake: { code: 'UNKNOWN_TARGET', message } }
}
