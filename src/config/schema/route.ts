/** Which refs feed an environment. */
import type * as z from 'zod'
import { type Mistake, show } from '../mistake.ts'
import { branchSchema, refNameFault, withoutRefPrefix } from './ref-name.ts'
import { addMistake, object, oneOrMany, textWith } from './shapes.ts'

const captures = /\{([^{}]*)\}/g

function routePatternRule(pattern: string): Mistake | null {
  const invalid = (why: string, hint?: string): Mistake => ({
    code: 'UNREACHABLE_ROUTE',
    message: `no ref can match ${show(pattern)}: ${why}`,
    ...(hint === undefined ? {} : { hint }),
  })
  const bare = withoutRefPrefix(pattern)
  if (bare !== null)
    return invalid('it is matched against the name without `refs/heads/` or `refs/tags/`', `did you mean \`${bare}\`?`)
  if (/\*{3,}/.test(pattern)) return invalid('`*` matches within one part, `**` across parts; there is no `***`')
  const names = [...pattern.matchAll(captures)].map(([, name]) => name ?? '')
  const odd = names.find((name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
  if (odd !== undefined) {
    const hint = odd.includes(',') ? 'alternatives are a list: `[a, b]`' : 'a capture looks like `{version}`'
    return invalid(`\`{${odd}}\` is no capture`, hint)
  }
  if (new Set(names).size < names.length)
    return invalid('a capture stands twice in it', 'give each capture a name of its own')
  const literal = pattern.replace(captures, 'x')
  if (/[{}]/.test(literal)) return invalid('a brace has no partner', 'a capture looks like `{version}`')
  // A wildcard stands for some text: what is around it must still make a name that git allows.
  const fault = refNameFault(literal.replaceAll('*', 'x'))
  return fault === null
    ? null
    : invalid(fault, /[?[]/.test(literal) ? 'wildcards are `*`, `**` and `{name}`' : undefined)
}

const routePatternSchema = textWith(
  'a pattern such as `main`, `v*` or `releases/{version}-stag`',
  routePatternRule,
).meta({ title: 'ref pattern' })
const routePatterns = oneOrMany(routePatternSchema, 'a pattern, or a list of patterns')

const routeEntry = object({
  branch: routePatterns
    .optional()
    .describe('Branches: `*` matches within one part of the name, `**` across parts, `{name}` captures.'),
  tag: routePatterns.optional().describe('Tags, in the same way.'),
  reachableFrom: branchSchema.optional().describe('The commit must be reachable from this branch at the remote.'),
})
  .superRefine((route, context) => {
    if (route.branch !== undefined || route.tag !== undefined) return
    addMistake(context, { code: 'NOT_EXACTLY_ONE', message: '`{key}` feeds nothing: it needs `branch` or `tag`' })
  })
  .meta({ id: 'Route', title: 'Route', description: 'The refs that feed the environment.' })

/** Always a list; a ref takes the first route it matches. */
export const routesSchema = oneOrMany(routeEntry, 'a mapping with `branch` or `tag`, or a list of them').prefault([])

export type RouteDocument = z.output<typeof routeEntry>
