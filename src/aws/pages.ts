import { erroredError } from '../model/index.ts'
import { serviceOf } from './clients.ts'
import type { SdkPaginator } from './sdk-types.ts'

/**
 * Pages as the SDK's paginator gets them, each asked for by `send`: a paginator asks its client, and gets one here that
 * hands its calls on.
 */
export async function* pagesOf<Made extends object, Input, Output>(
  paginate: SdkPaginator<Made, Input, Output>,
  client: Made,
  input: Input,
  { send, maxPages }: { send(command: unknown): Promise<unknown>; maxPages: number },
): AsyncGenerator<Output, void, undefined> {
  const through = Object.create(client, { send: { value: send } })
  let count = 0
  for await (const page of paginate({ client: through }, input)) {
    if (++count > maxPages) {
      throw erroredError('AWS_TOO_MANY_PAGES', `AWS ${serviceOf(client)} answers with more than ${maxPages} pages`)
    }
    yield page
  }
}
