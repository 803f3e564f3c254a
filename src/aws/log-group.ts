/** What a log group of CloudWatch says: its last lines, and those that come. */
import {
  CloudWatchLogsClient,
  DescribeLogStreamsCommand,
  FilterLogEventsCommand,
  GetLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs'
import type { Clock, LogLine, LogQuery } from '../ports/index.ts'
import type { Aws } from './aws.ts'

/** Each is one sandbox of one version, or one container. */
const maxStreams = 20
/** CloudWatch's own limit for one call. */
const maxEvents = 10_000
const followEveryMs = 2000
/** Events come late and out of order. */
const latenessMs = 10_000
const maxRemembered = 50_000

type LogPlace = { aws: Aws; clock: Clock }
export type LogGroup = { name: string; mask(text: string): string }
type Event = { at: number; stream: string; text: string /** The same at every look. */; id: string }

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
