/** Replaces Hasura's metadata by `metadata.json`: all of it or, where any of it does not fit the database, none. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Hasura, HasuraError, type InconsistentObject, told } from './hasura.ts'

type Consistency = { is_consistent: boolean; inconsistent_objects: InconsistentObject[] }

export async function applyMetadata(hasura: Hasura, folder: string, say: (line: string) => void): Promise<void> {
  const metadata: unknown = JSON.parse(await readFile(join(folder, 'metadata.json'), 'utf8'))
  await hasura.metadata('replace_metadata', { allow_inconsistent_metadata: false, metadata }, 2)
  // Other replicas, and tables that changed past Hasura.
  await hasura.metadata('reload_metadata', { reload_sources: true })
  await assertConsistent(hasura)
  say('metadata applied, and consistent')
}

export async function assertConsistent(hasura: Hasura): Promise<void> {
  const { is_consistent: isConsistent, inconsistent_objects: objects } = await hasura.metadata<Consistency>(
    'get_inconsistent_metadata',
    {},
  )
  if (!isConsistent) throw new HasuraError(['the metadata is inconsistent:', ...objects.map(told)].join('\n'))
}
