/** What a function has written, from CloudWatch Logs, without its secrets. */
import type { LogGroup } from '../../aws/log-group.ts'
import { createMasker } from '../../masking/masker.ts'
import { refusedError } from '../../model/index.ts'
import type { LogLine, LogQuery } from '../../ports/index.ts'
import { readFunction } from './functions/function.ts'
import type { Place } from './place.ts'
import { recordOf } from './record/record.ts'
import type { RecordBook } from './record/record-book.ts'

export async function* functionLogs(
  place: Place,
  book: RecordBook,
  query: LogQuery,
  signal: AbortSignal,
): AsyncIterable<LogLine> {
  const { groupLogs } = await import('../../aws/log-group.ts')
  yield* groupLogs(place, await groupOf(place, book, query.service, signal), query, signal)
}

async function groupOf(place: Place, book: RecordBook, service: string, signal: AbortSignal): Promise<LogGroup> {
  const name = place.functionOf(service)
  const [live, record] = await Promise.all([readFunction(place, name, signal), book.read(signal)])
  if (recordOf(record, service)?.isStack === true) {
    throw refusedError('NO_LOGS', `${service} is several functions: their output is not put together here`, {
      hint: 'osls logs --function NAME shows that of one',
    })
  }
  const variables = live?.Environment?.Variables ?? {}
  const secrets = recordOf(record, service)?.secrets ?? Object.keys(variables)
  const { mask } = createMasker(secrets.flatMap((secret) => variables[secret] ?? []))
  return { name: live?.LoggingConfig?.LogGroup ?? `/aws/lambda/${name}`, mask }
}
