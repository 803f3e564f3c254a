/** What tells one build of this program from another: caches of what it computed hold for that build alone. */
import { readdirSync, statSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { programVersion } from './index.ts'

/** Rooms of the sources whose change may change what a configuration means, or what is an input. */
const rooms = ['config', 'model', 'signing', 'planning', 'hashing']

let known: string | null = null

/** Version, names, sizes and times of the program's files: sources in a checkout, else the bundle beside this file. */
export function programFingerprint(): string {
  known ??= [programVersion, process.version, ...filesOf(fileURLToPath(import.meta.url))].join('\n')
  return known
}

function filesOf(self: string): string[] {
  const isSource = extname(self) === '.ts'
  const folders = isSource ? rooms.map((room) => join(dirname(self), '..', room)) : [dirname(self)]
  return folders.flatMap((folder) =>
    readdirSync(folder, { recursive: isSource, withFileTypes: true }).flatMap((entry) => {
      if (!entry.isFile()) return []
      const path = join(entry.parentPath, entry.name)
      const { size, mtimeMs } = statSync(path)
      return [`${path} ${size} ${mtimeMs}`]
    }),
  )
}
