/** Build directories and what is in them, for tests. */
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { packBundle } from '../../src/artifacts/packing/index.ts'
import type { PackedArtifact } from '../../src/ports/index.ts'

export type Content = string | Uint8Array | { executable: string | Uint8Array } | { link: string }

/** A folder of its own for one test, gone after it. */
export async function temporaryDirectory(test: Pick<TestContext, 'after'>): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'trunkline-artifacts-'))
  test.after(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** Lays files down in the order given. */
export async function layDown(directory: string, files: Readonly<Record<string, Content>>): Promise<string> {
  for (const [path, content] of Object.entries(files)) {
    const place = join(directory, path)
    await mkdir(dirname(place), { recursive: true })
    if (typeof content === 'string' || content instanceof Uint8Array) await writeFile(place, content)
    else if ('link' in content) await symlink(content.link, place)
    else {
      await writeFile(place, content.executable)
      await chmod(place, 0o755)
    }
  }
  return directory
}

/** Every file and link below, as a reader of the unpacked artifact would find it. */
export async function contentOf(directory: string, folder = ''): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const entry of await readdir(join(directory, folder), { withFileTypes: true })) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`
    const place = join(directory, path)
    if (entry.isDirectory()) Object.assign(found, await contentOf(directory, path))
    else if (entry.isSymbolicLink()) found[path] = `link to ${await readlink(place)}`
    else {
      const mode = ((await lstat(place)).mode & 0o777).toString(8)
      found[path] = `${mode} ${(await readFile(place)).toString('base64')}`
    }
  }
  return found
}

/** A bundle with one file of the given content. */
export async function bundleOf(test: Pick<TestContext, 'after'>, content: Content): Promise<PackedArtifact> {
  const root = await temporaryDirectory(test)
  const directory = await layDown(join(root, 'build'), { 'dist/main.js': content, 'package.json': '{"name":"carts"}' })
  return packBundle({ directory, include: ['**'], exclude: [], scratchDirectory: join(root, 'scratch') })
}
