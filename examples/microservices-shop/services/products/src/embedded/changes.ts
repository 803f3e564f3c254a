/** What each SQL migration means for the stand-in's rows. A new migration gets a line here. */
import type { Migration } from '../store.ts'

type Rows = unknown[] | null
type Change = (rows: Rows) => Rows

const changes: Readonly<Record<number, Change>> = {
  1: () => [],
  // The order of rows is their position.
  2: (rows) => rows?.map((row) => ({ category: 'home', ...Object(row) })) ?? null,
}

/** Throws for a migration that has no counterpart. */
export function changeOf({ version, name }: Pick<Migration, 'version' | 'name'>): Change {
  const change = changes[version]
  if (change === undefined) throw new Error(`${name} has no counterpart in src/embedded/changes.ts`)
  return change
}
