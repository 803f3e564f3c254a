/** Runs `seeds/default/*.sql`. They say themselves what is to happen where they ran before. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Hasura } from './hasura.ts'

export async function seed(hasura: Hasura, folder: string, say: (line: string) => void): Promise<void> {
  const seeds = join(folder, 'seeds', 'default')
  for (const file of (await readdir(seeds)).sort()) {
    await hasura.sql('default', await readFile(join(seeds, file), 'utf8'))
    say(`seeded ${file}`)
  }
}
