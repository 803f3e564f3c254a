/** Which handler answers which request: `route('GET /carts/:id', ({ params }) => …)`. */
import type { Answer } from './answer.ts'
import type { Request } from './request.ts'

export type Handler<Name extends string> = (request: Request<Name>) => Answer | Promise<Answer>
export type Route = { method: string; segments: string[]; handle: Handler<string> }

/** Names of the `:parts` of a pattern. */
type NamesIn<Pattern extends string> = Pattern extends `${string}:${infer Name}/${infer Rest}`
  ? Name | NamesIn<Rest>
  : Pattern extends `${string}:${infer Name}`
    ? Name
    : never

export function route<const Pattern extends `${'GET' | 'POST' | 'PUT' | 'DELETE'} /${string}`>(
  pattern: Pattern,
  handle: Handler<NamesIn<Pattern>>,
): Route {
  const [method = '', path = ''] = pattern.split(' ')
  return { method, segments: path.split('/'), handle }
}

export type Match =
  | { kind: 'found'; route: Route; params: Record<string, string> }
  | { kind: 'no-path' }
  | { kind: 'no-method' }

/** A HEAD is answered as a GET without its body. */
export function matchRoute(routes: readonly Route[], method: string, path: string): Match {
  const wanted = method === 'HEAD' ? 'GET' : method
  const segments = path.split('/')
  let isKnownPath = false
  for (const candidate of routes) {
    const params = paramsOf(candidate.segments, segments)
    if (params === null) continue
    if (candidate.method === wanted) return { kind: 'found', route: candidate, params }
    isKnownPath = true
  }
  return { kind: isKnownPath ? 'no-method' : 'no-path' }
}

function paramsOf(pattern: readonly string[], segments: readonly string[]): Record<string, string> | null {
  if (pattern.length !== segments.length) return null
  const params: Record<string, string> = {}
  for (const [index, part] of pattern.entries()) {
    const segment = segments[index] ?? ''
    if (!part.startsWith(':')) {
      if (part !== segment) return null
      continue
    }
    const value = decode(segment)
    if (value === null || value === '') return null
    params[part.slice(1)] = value
  }
  return params
}

function decode(segment: string): string | null {
  try {
    return decodeURIComponent(segment)
  } catch {
    return null
  }
}
