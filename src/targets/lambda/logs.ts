/** What a function has written, from CloudWatch Logs, without its secrets. */
import {
  CloudWatchLogsClient,
  DescribeLogStreamsCommand,
  FilterLogEventsCommand,
  GetLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs'
import { createMasker } from '../../masking/masker.ts'
import { refusedError } from '../../model/index.ts'
import type { LogLine, LogQuery } from '../../ports/index.ts'
import { readFunction } from './functions/function.ts'
import type { Place } from './place.ts'
import { recordOf } from './record/record.ts'
import type { RecordBook } from './record/record-book.ts'

/** Each is one sandbox of one version. */
const maxStreams = 20
/** CloudWatch's own limit for one call. */
const maxEvents = 10_000
const followEveryMs = 2000
/** Events come late and out of order. */
const latenessMs = 10_000
const maxRemembered = 50_000

type LogPlace = Pick<Place, 'aws' | 'clock'>
export type LogGroup = { name: string; mask(text: string): string }
type Event = { at: number; stream: string; text: string /** The same at every look. */; id: string }

export async function* functionLogs(
  place: Place,
  book: RecordBook,
  query: LogQuery,
  signal: AbortSignal,
): AsyncIterable<LogLine> {
  yield* groupLogs(place, await groupOf(place, book, query.service, signal), query, signal)
}

/** What a log group has to say. */
export async function* groupLogs(
  place: LogPlace,
  group: LogGroup,
  { lines, follow }: LogQuery,
  signal: AbortSignal,
): AsyncIterable<LogLine> {
  const began = place.clock.now()
  const last = await lastEvents(place, group.name, lines, signal)
  yield* last.map((event) => lineOf(event, group))
  if (!follow) return
  const seen = new Set(last.map(({ id }) => id))
  let from = Math.max(last.at(-1)?.at ?? 0, began - latenessMs)
  for (;;) {
    await place.clock.sleep(followEveryMs, signal)
    const events = await eventsSince(place, group.name, from - latenessMs, signal)
    for (const event of events) {
      if (seen.has(event.id)) continue
      seen.add(event.id)
      from = Math.max(from, event.at)
      yield lineOf(event, group)
    }
    if (seen.size > maxRemembered) for (const id of [...seen].slice(0, maxRemembered / 2)) seen.delete(id)
  }
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

/** Oldest first. */
async function lastEvents({ aws }: LogPlace, group: string, count: number, signal: AbortSignal): Promise<Event[]> {
  const client = aws.client(CloudWatchLogsClient)
  const newest = new DescribeLogStreamsCommand({
    logGroupName: group,
    orderBy: 'LastEventTime',
    descending: true,
    limit: maxStreams,
  })
  try {
    const { logStreams = [] } = await aws.send(client, newest, { signal })
    const events = await Promise.all(
      logStreams.map(async ({ logStreamName: stream = '' }) => {
        const limit = Math.min(maxEvents, Math.max(1, count))
        const command = new GetLogEventsCommand({
          logGroupName: group,
          logStreamName: stream,
          limit,
          startFromHead: false,
        })
        const { events: found = [] } = await aws.send(client, command, { signal })
        return found.map(({ timestamp = 0, message = '' }) => ({ at: timestamp, stream, text: message }))
      }),
    )
    return identified(events.flat())
      .sort((left, right) => left.at - right.at)
      .slice(-count)
  } catch (error) {
    // A function that was never invoked has no group.
    if (aws.isError(error, 'ResourceNotFoundException')) return []
    throw error
  }
}

async function eventsSince({ aws }: LogPlace, group: string, since: number, signal: AbortSignal): Promise<Event[]> {
  const command = new FilterLogEventsCommand({ logGroupName: group, startTime: since, limit: maxEvents })
  try {
    const { events = [] } = await aws.send(aws.client(CloudWatchLogsClient), command, { signal })
    return identified(
      events.map(({ timestamp = 0, message = '', logStreamName: stream = '' }) => ({
        at: timestamp,
        stream,
        text: message,
      })),
    )
  } catch (error) {
    if (aws.isError(error, 'ResourceNotFoundException')) return []
    throw error
  }
}

/** Two that say the same in the same moment are two. */
function identified(events: ReadonlyArray<Omit<Event, 'id'>>): Event[] {
  const counts = new Map<string, number>()
  return events.map((event) => {
    const same = `${event.stream} ${event.at} ${event.text}`
    const count = counts.get(same) ?? 0
    counts.set(same, count + 1)
    return { ...event, id: `${same} ${count}` }
  })
}

/** A stream is called `2026/11/21/[7]4f1e…`: the version, and which of its sandboxes. */
function lineOf({ at, stream, text }: Event, { mask }: LogGroup): LogLine {
  const [, version, sandbox] = /\[([^\]]+)\]([0-9a-f]{1,6})/.exec(stream) ?? []
  return {
    at: new Date(at).toISOString(),
    instance: version === undefined ? stream : `${version}/${sandbox}`,
    stream: 'stdout',
    text: mask(text.replace(/\n$/, '')),
  }
}
