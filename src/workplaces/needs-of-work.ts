/** Pure: what an order's work needs of whoever has it done. */
import type { Work } from './order.ts'

/** For what no limit of the project is about: reading inputs, packing, storing. */
const besidesMs = 15 * 60_000

/** What its commands are passed of the variables of whoever delivers, which count into its hash. */
export function variablesFor({ kind, request }: Work, environment: NodeJS.ProcessEnv): Record<string, string> {
  const names = [...request.env.pass, ...(request.prepare?.env.pass ?? [])]
  if (kind === 'build' && request.recipe.kind === 'dockerfile') {
    names.push(...Object.values(request.recipe.secrets).map(({ from }) => from))
  }
  return Object.fromEntries(
    [...new Set(names)].sort().flatMap((name) => {
      const value = environment[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )
}

/** The longest that a worker can take whose commands keep their own limits. */
export function patienceFor({ kind, request }: Work): number {
  const images =
    kind === 'build' && request.recipe.kind === 'dockerfile'
      ? request.recipe.timeoutMs * Math.max(1, request.recipe.platforms.length)
      : 0
  return request.timeoutMs + (request.prepare?.timeoutMs ?? 0) + images + besidesMs
}
