/** `node hasura/main.ts migrate | metadata | seed | check`: what Trunkline's hooks and tasks run, in the release's own image. */
import { createHasura, HasuraError } from './hasura.ts'
import { applyMetadata, assertConsistent } from './metadata.ts'
import { migrate } from './migrate.ts'
import { seed } from './seed.ts'

const folder = import.meta.dirname
const say = (line: string) => console.log(line)

const { HASURA_URL, HASURA_GRAPHQL_ADMIN_SECRET } = process.env
const [, , command] = process.argv
try {
  if (HASURA_URL === undefined) throw new HasuraError('HASURA_URL is not set')
  if (HASURA_GRAPHQL_ADMIN_SECRET === undefined) throw new HasuraError('HASURA_GRAPHQL_ADMIN_SECRET is not set')
  const hasura = createHasura({ url: HASURA_URL, adminSecret: HASURA_GRAPHQL_ADMIN_SECRET })
  await hasura.ready()
  if (command === 'migrate') await migrate(hasura, folder, say)
  else if (command === 'metadata') await applyMetadata(hasura, folder, say)
  else if (command === 'check') await assertConsistent(hasura)
  else if (command === 'seed') await seed(hasura, folder, say)
  else throw new HasuraError('migrate, metadata, seed or check?')
} catch (error) {
  console.error(error instanceof HasuraError ? error.message : error)
  process.exitCode = 1
}
