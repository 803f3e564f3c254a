/** What one-off jobs share: they go through Hasura, so that they need no way to the database of their own. */
import { createHasura, type Hasura } from '../hasura/hasura.ts'

export async function run(job: (hasura: Hasura) => Promise<void>): Promise<void> {
  const { HASURA_URL = 'http://hasura', HASURA_GRAPHQL_ADMIN_SECRET = '' } = process.env
  try {
    await job(createHasura({ url: HASURA_URL, adminSecret: HASURA_GRAPHQL_ADMIN_SECRET }))
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exitCode = 1
  }
}
