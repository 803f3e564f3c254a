import { paginateGetParametersByPath, SSMClient } from '@aws-sdk/client-ssm'
import type { Aws } from '../../aws/index.ts'
import { usageError } from '../../model/index.ts'
import type { FoundVariable } from './index.ts'
import { type Named, namedVariables } from './variable-name.ts'

/** Ten a page: more parameters than that are not those of one environment. */
const maxPages = 100

/** Everything below a path, decrypted. Usage `NO_PARAMETERS` where there is nothing. */
export async function readParameters(aws: Aws, path: string, signal: AbortSignal): Promise<FoundVariable[]> {
  const folder = path.endsWith('/') ? path : `${path}/`
  const place = `the parameters below ${folder} (${aws.region})`
  const client = aws.client(SSMClient)
  // AWS takes the path without its last slash, but for the root.
  const Path = folder === '/' ? '/' : folder.slice(0, -1)
  const input = { Path, Recursive: true, WithDecryption: true }
  const found: Named[] = []
  for await (const { Parameters = [] } of aws.pages(paginateGetParametersByPath, client, input, { signal, maxPages })) {
    for (const { Name, Value } of Parameters) {
      if (Name?.startsWith(folder) && Value !== undefined) found.push({ said: Name.slice(folder.length), value: Value })
    }
  }
  if (found.length > 0) return namedVariables(found, place)
  throw usageError('NO_PARAMETERS', `there is nothing among ${place}`, {
    hint: `is the path right? For example: aws ssm put-parameter --type SecureString --name ${folder}REDIS_URL --value …`,
  })
}
