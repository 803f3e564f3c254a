/** Stable digests of plain data: the same value gives the same digest on every machine and in every version. */
import { createHash } from 'node:crypto'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined }

/** JSON with object keys in code-unit order and no spaces; `undefined` members are left out. */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value !== 'object') {
    const text = JSON.stringify(value)
    if (text === undefined) throw new TypeError(`not JSON: ${typeof value}`)
    return text
  }
  let text = ''
  if (Array.isArray(value)) {
    for (const item of value) text += `${text === '' ? '' : ','}${canonicalJson(item ?? null)}`
    return `[${text}]`
  }
  const members = value as Record<string, unknown> // no array, no null: an object
  for (const key of Object.keys(members).sort()) {
    const member = members[key]
    if (member !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(member)}`
  }
  return `{${text}}`
}

/** SHA-256 as 64 hex digits. */
export const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex')

/** Digest of a value's canonical JSON. `domain` keeps values of different kinds from ever sharing a digest. */
export const digestOf = (domain: string, value: unknown): string =>
  sha256(`trunkline.${domain}\0${canonicalJson(value)}`)
