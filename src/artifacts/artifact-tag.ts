import { createHash } from 'node:crypto'

const grammar = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/
/** The tags under which referrers are listed where a registry lacks their API. */
const reserved = /^sha(?:256|512)-/

/**
 * The OCI tag for a name people use (a short sha, a git tag). A name that is a valid tag stays as it is. Any other is
 * made valid (`+` becomes `_`, as in Helm; all else that tags do not take becomes `-`) and ends in eight digits of the
 * name's own SHA-256: `release/1.0` becomes `release-1.0-` and eight digits, so that no two names share a tag.
 */
export function artifactTag(name: string): string {
  if (grammar.test(name) && !reserved.test(name)) return name
  const digits = createHash('sha256').update(name).digest('hex').slice(0, 8)
  const readable = name
    .replaceAll('+', '_')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[.-]+/, '')
    .slice(0, 100)
  return reserved.test(readable) || readable === '' ? `_${readable}-${digits}` : `${readable}-${digits}`
}
