/**
 * The programs of a Kubernetes without nodes, kept in a cache outside the checkout: one folder for each part, named by
 * what it is built from. `scripts/prepare-parts.ts` fills it; a test never compiles.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { createZstdDecompress } from 'node:zlib'
import { missingPart } from '../local-server.ts'

const execute = promisify(execFile)

/** `kubelab` is the control plane with kubectl and kwok; the others run beside it. */
export const kubernetesParts = ['kubelab', 'argocd', 'knative'] as const
export type KubernetesPart = (typeof kubernetesParts)[number]

/** The binary that each part's build leaves. */
const binaryOf = { kubelab: 'kubelab', argocd: 'argolab', knative: 'knative' } as const

const here = import.meta.dirname
const checkout = join(here, '..', '..', '..')

export const sourceOf = (part: KubernetesPart): string => join(here, part)

export const partsCache = (environment: NodeJS.ProcessEnv): string =>
  join(environment['XDG_CACHE_HOME'] || join(environment['HOME'] || homedir(), '.cache'), 'trunkline-parts')

/** Where a part's programs belong; they may not be there yet. */
export function cachedPart(part: KubernetesPart, environment: NodeJS.ProcessEnv): string {
  const digest = createHash('sha256')
  for (const file of ['go.mod', 'go.sum', 'main.go']) digest.update(readFileSync(join(sourceOf(part), file)))
  return join(partsCache(environment), `${part}-${digest.digest('hex').slice(0, 16)}`)
}

/** For `test({ skip })`: false where the parts are in the cache or can be unpacked into it. */
export function kubernetesMissing(
  parts: readonly KubernetesPart[] = ['kubelab'],
  environment: NodeJS.ProcessEnv = process.env,
): string | false {
  const missing = parts.find(
    (part) => !existsSync(cachedPart(part, environment)) && archiveOf(part, environment) === null,
  )
  const found = missing === undefined ? 'all' : null
  return missingPart(found, `${missing} is not prepared (npm run parts, minutes the first time)`, environment)
}

/** The folder of a part's programs, unpacked from a prebuilt archive where the cache lacks it; null where there is none. */
export async function findPart(part: KubernetesPart, environment: NodeJS.ProcessEnv): Promise<string | null> {
  const folder = cachedPart(part, environment)
  if (existsSync(folder)) return folder
  const archive = archiveOf(part, environment)
  if (archive === null) return null
  await fillCache(folder, async (scratch) => {
    await unpack(archive, scratch)
    await checkVersions(part, scratch)
  })
  return folder
}

export async function partFolder(part: KubernetesPart, environment: NodeJS.ProcessEnv): Promise<string> {
  const folder = await findPart(part, environment)
  if (folder === null)
    throw new Error(`${part} is not prepared: npm run parts builds it, and in CI no part may be missing`)
  return folder
}

/** Makes a folder of the cache whole or not at all; where two do so at once, one of the equal results stays. */
export async function fillCache(folder: string, fill: (scratch: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(folder), { recursive: true })
  const scratch = await mkdtemp(`${folder}.`)
  try {
    await fill(scratch)
    await rename(scratch, folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
    })
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** A team that builds the parts once may lay the archives beside its checkout, or name their folder. */
function archiveOf(part: KubernetesPart, environment: NodeJS.ProcessEnv): string | null {
  if (process.platform !== 'linux' || process.arch !== 'x64') return null
  const named = environment['TRUNKLINE_PARTS']
  const folders = named ? [named, join(named, 'kubernetes', 'prebuilt')] : []
  for (const each of checkouts()) folders.push(join(dirname(each), 'shared', 'parts', 'kubernetes', 'prebuilt'))
  const paths = folders.map((folder) => join(folder, `${part}.tar.zst`))
  return paths.find((path) => existsSync(path)) ?? null
}

/** This checkout, and the one whose linked worktree it is. */
function checkouts(): string[] {
  const root = join(checkout)
  const git = join(root, '.git')
  const linked = /^gitdir: (.+)\/\.git\/worktrees\/[^/]+\s*$/.exec(readIfFile(git))?.[1]
  return linked === undefined ? [root] : [root, linked]
}

function readIfFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // A folder in an ordinary checkout, nothing in an exported one.
  }
}

async function unpack(archive: string, folder: string): Promise<void> {
  const tar = join(folder, 'archive.tar')
  await pipeline(createReadStream(archive), createZstdDecompress(), createWriteStream(tar))
  await execute('tar', ['-x', '--no-same-owner', '-f', tar, '-C', folder])
  await rm(tar)
}

/** An archive of another version proves nothing: what go.mod requires by name must stand in the binary's own list. */
async function checkVersions(part: KubernetesPart, folder: string): Promise<void> {
  const goMod = await readFile(join(sourceOf(part), 'go.mod'), 'utf8')
  const binary = await readFile(join(folder, binaryOf[part]))
  for (const [, module, version] of goMod.matchAll(/^\t(\S+) (v\S+)$/gm)) {
    if (version === 'v0.0.0') continue // Replaced in go.mod.
    if (!binary.includes(`dep\t${module}\t${version}`)) {
      throw new Error(
        `the archive of ${part} was not built with ${module} ${version}; build it anew with npm run parts`,
      )
    }
  }
}
