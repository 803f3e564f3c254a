/** What lockfiles say is used, by their file's name. Each reads what is plain in its format and leaves out the rest. */
import { parse as parseToml } from 'smol-toml'
import * as z from 'zod'
import type { LockfileName } from './lockfile-names.ts'
import { hashOfIntegrity, type PackageEntry, purlPath } from './package-entry.ts'

export type LockfileReader = (text: string) => PackageEntry[]

export const lockfileReaders: Readonly<Record<LockfileName, LockfileReader>> = {
  'package-lock.json': readNpm,
  'npm-shrinkwrap.json': readNpm,
  'go.sum': readGoSum,
  'requirements.txt': readRequirements,
  'poetry.lock': (text) => readPythonPackages(text),
  'uv.lock': (text) => readPythonPackages(text),
  'Cargo.lock': readCargo,
}

const npmSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      name: z.string().optional(),
      version: z.string().optional(),
      integrity: z.string().optional(),
      dev: z.boolean().optional(),
      link: z.boolean().optional(),
    }),
  ),
})

/** Lockfiles of version 2 and 3 (npm 7 and newer). What lies in the repository itself is no package of others. */
function readNpm(text: string): PackageEntry[] {
  const { packages } = npmSchema.parse(JSON.parse(text))
  return Object.entries(packages).flatMap(([path, entry]) => {
    const at = path.lastIndexOf('node_modules/')
    if (at < 0 || entry.link || entry.version === undefined) return []
    const name = entry.name ?? path.slice(at + 'node_modules/'.length)
    const hash = hashOfIntegrity(entry.integrity)
    return [
      {
        ...{ name, version: entry.version, purl: `pkg:npm/${purlPath(name)}@${encodeURIComponent(entry.version)}` },
        ...(hash && { hash }),
        ...(entry.dev && { isForDevelopment: true }),
      },
    ]
  })
}

/** `h1:` hashes are over a listing of files, which is none of the archive. */
function readGoSum(text: string): PackageEntry[] {
  return text.split('\n').flatMap((line) => {
    const [name, version] = line.trim().split(/\s+/)
    if (!name || !version || version.endsWith('/go.mod')) return []
    return [{ name, version, purl: `pkg:golang/${purlPath(name)}@${encodeURIComponent(version)}` }]
  })
}

/** Versions that are pinned (`==`); what may be any of several is not known before it is installed. */
function readRequirements(text: string): PackageEntry[] {
  return text
    .replace(/\\\r?\n/g, ' ')
    .split('\n')
    .flatMap((line) => {
      const [, name, version] = /^\s*([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*===?\s*([^\s;#,]+)/.exec(line) ?? []
      const sha256 = /--hash=sha256:([0-9a-f]{64})/.exec(line)?.[1]
      return name === undefined || version === undefined ? [] : [pythonPackage(name, version, sha256)]
    })
}

const tomlPackages = z.object({
  package: z
    .array(
      z.object({
        name: z.string(),
        version: z.string().optional(),
        source: z.unknown().optional(),
        checksum: z.string().optional(),
        category: z.string().optional(),
      }),
    )
    .default([]),
})

function readPythonPackages(text: string): PackageEntry[] {
  return tomlPackages.parse(parseToml(text)).package.flatMap(({ name, version, source, category }) => {
    const isOwn = z.union([z.object({ editable: z.string() }), z.object({ virtual: z.string() })]).safeParse(source)
    if (version === undefined || isOwn.success) return []
    return [{ ...pythonPackage(name, version), ...(category === 'dev' && { isForDevelopment: true }) }]
  })
}

/** Names are compared as PEP 503 writes them. */
function pythonPackage(written: string, version: string, sha256?: string): PackageEntry {
  const name = written.toLowerCase().replace(/[-_.]+/g, '-')
  const purl = `pkg:pypi/${name}@${encodeURIComponent(version)}`
  return { name, version, purl, ...(sha256 && { hash: { algorithm: 'SHA-256', hex: sha256 } }) }
}

function readCargo(text: string): PackageEntry[] {
  return tomlPackages.parse(parseToml(text)).package.flatMap(({ name, version, source, checksum }) => {
    // Without a source it is of this repository.
    if (version === undefined || source === undefined) return []
    const purl = `pkg:cargo/${name}@${encodeURIComponent(version)}`
    return [{ name, version, purl, ...(checksum && { hash: { algorithm: 'SHA-256', hex: checksum } as const }) }]
  })
}
