/** A `WWW-Authenticate` challenge (RFC 9110, section 11.6.1). Scheme and parameter names in lower case. */
export type Challenge = { scheme: string; parameters: Record<string, string> }

const schemePattern = /^[\s,]*([A-Za-z][A-Za-z0-9-]*)(?=[\s,]|$)/
const parameterPattern = /^\s*,?\s*([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/

/** All challenges of a header, in order. What cannot be read ends the list. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = []
  let rest = header
  while (rest !== '') {
    const parameter = parameterPattern.exec(rest)
    const current = challenges.at(-1)
    if (parameter?.[1] !== undefined && current !== undefined) {
      const value = parameter[2]?.replace(/\\(.)/g, '$1') ?? parameter[3] ?? ''
      current.parameters[parameter[1].toLowerCase()] = value
      rest = rest.slice(parameter[0].length)
      continue
    }
    const scheme = schemePattern.exec(rest)
    if (scheme?.[1] === undefined) break
    challenges.push({ scheme: scheme[1].toLowerCase(), parameters: {} })
    rest = rest.slice(scheme[0].length)
  }
  return challenges
}
