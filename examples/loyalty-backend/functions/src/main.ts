import { run } from '../../shared/serve.ts'
import { createFunctions } from './functions.ts'
import { createGraphql } from './graphql.ts'

const { HASURA_URL = 'http://hasura', HASURA_GRAPHQL_ADMIN_SECRET = '', FUNCTIONS_SECRET = '' } = process.env
if (FUNCTIONS_SECRET === '') throw new Error('FUNCTIONS_SECRET is not set: anyone could call the functions')

const graphql = createGraphql({ url: HASURA_URL, adminSecret: HASURA_GRAPHQL_ADMIN_SECRET })
await run({ answer: createFunctions({ graphql, secret: FUNCTIONS_SECRET }) })
