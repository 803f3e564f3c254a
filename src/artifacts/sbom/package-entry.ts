/** One package that a lockfile names. */
export type PackageEntry = {
  /** https://github.com/package-url/purl-spec */
  purl: string
  name: string
  version: string
  /** Of its archive, as the lockfile says it. */
  hash?: { algorithm: 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512'; hex: string }
  /** Only those who work on the service need it. */
  isForDevelopment?: boolean
}

/** A path of a purl: each segment percent-encoded, `/` between them kept. */
export const purlPath = (name: string): string => name.split('/').map(encodeURIComponent).join('/')

const algorithms = { sha1: 'SHA-1', sha256: 'SHA-256', sha384: 'SHA-384', sha512: 'SHA-512' } as const

/** Subresource integrity, `sha512-…`, the strongest of several. */
export function hashOfIntegrity(integrity: string | undefined): PackageEntry['hash'] {
  const parts = (integrity ?? '').split(/\s+/).flatMap((part) => {
    const [, name = '', base64 = ''] = /^(sha\d+)-([A-Za-z0-9+/]+=*)/.exec(part) ?? []
    return name in algorithms ? [{ name: name as keyof typeof algorithms, base64 }] : []
  })
  const strongest = parts.sort((left, right) => right.base64.length - left.base64.length)[0]
  if (strongest === undefined) return undefined
  return { algorithm: algorithms[strongest.name], hex: Buffer.from(strongest.base64, 'base64').toString('hex') }
}
