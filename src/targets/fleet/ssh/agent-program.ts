/**
 * What of this program an agent needs on another host: from the published package its files in `dist/`, from a checkout
 * the sources that its processes import, with the packages they use. Named by the digest of its content.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { gzipSync } from 'node:zlib'
import { sha256 } from '../../../hashing/index.ts'
import { programFolder, programPaths } from '../../../program/index.ts'

export type AgentProgram = {
  /** The beginning of `archiveDigest`. */
  id: string
  /** sha256, in hex, of the archive before compression. */
  archiveDigest: string
  /** `{"path": "base64", …}`: a format that any Node reads without help. */
  archive(): Buffer
  sizeBytes: number
}

/** Of a package only what runs. */
const runs = /\.(?:js|cjs|mjs|json|wasm)$/
/** Also as a minifier writes them: without spaces, in backticks. */
const specifiers = /\b(?:from|import)\s*\(?\s*["'`]([^"'`\n]+)["'`]/g

let known: AgentProgram | undefined

/** Reads it once. */
export function agentProgram(folder = programFolder): AgentProgram {
  if (folder === programFolder && known !== undefined) return known
  const program = packProgram(folder)
  if (folder === programFolder) known = program
  return program
}

function packProgram(folder: string): AgentProgram {
  const files = new Map<string, Buffer>()
  const packages = new Set<string>()
  const take = (path: string): void => {
    const absolute = join(folder, path)
    if (files.has(path) || path.startsWith('..') || !existsSync(absolute)) return
    const content = readFileSync(absolute)
    files.set(path, content)
    if (path.endsWith('.json')) return
    for (const [, specifier = ''] of content.toString('utf8').matchAll(specifiers)) {
      if (specifier.startsWith('.')) take(relative(folder, join(dirname(absolute), specifier)))
      else takePackage(specifier)
    }
  }
  const takePackage = (specifier: string): void => {
    const name = /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? ''
    const place = join(folder, 'node_modules', name)
    if (specifier.startsWith('node:') || packages.has(name) || !existsSync(join(place, 'package.json'))) return
    packages.add(name)
    for (const path of readdirSync(place, { recursive: true, encoding: 'utf8' })) {
      if (runs.test(path)) files.set(join('node_modules', name, path), readFileSync(join(place, path)))
    }
    const { dependencies = {} }: { dependencies?: Record<string, string> } = JSON.parse(
      readFileSync(join(place, 'package.json'), 'utf8'),
    )
    for (const dependency of Object.keys(dependencies)) takePackage(dependency)
  }
  // Without its `type` the files would be read as CommonJS first.
  take('package.json')
  for (const path of programPaths()) take(path)

  const sorted = [...files].sort(([left], [right]) => (left < right ? -1 : 1))
  const archive = JSON.stringify(Object.fromEntries(sorted.map(([path, bytes]) => [path, bytes.toString('base64')])))
  const archiveDigest = sha256(archive)
  return {
    id: archiveDigest.slice(0, 16),
    archiveDigest,
    archive: () => gzipSync(archive, { level: 1 }),
    sizeBytes: sorted.reduce((sum, [, bytes]) => sum + bytes.length, 0),
  }
}
