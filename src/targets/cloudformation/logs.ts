/** What a stack has to say: its events. */
import type { StackEvent } from '@aws-sdk/client-cloudformation'
import type { LogLine, LogQuery } from '../../ports/index.ts'
import { lastEvents, openEventReader } from './events.ts'
import { eventLine } from './first-cause.ts'
import { readInventory } from './inventory.ts'
import { describeStack, type Parts } from './parts.ts'

const followEveryMs = 5000

export async function* stackLogs(parts: Parts, query: LogQuery, signal: AbortSignal): AsyncGenerator<LogLine> {
  const names = (await readInventory(parts, query.service, signal))?.stacks ?? []
  const stacks: Array<{ name: string; id: string }> = []
  for (const name of names) {
    const stack = await describeStack(parts, name, signal)
    if (stack !== null) stacks.push({ name, id: stack.StackId ?? name })
  }
  const told = new Set<string>()
  const lines: Array<LogLine & { event: string }> = []
  for (const { name, id } of stacks) {
    for (const event of await lastEvents(parts, id, query.lines, signal)) lines.push(lineOf(name, event))
  }
  lines.sort((left, right) => left.at.localeCompare(right.at))
  for (const { event, ...line } of lines.slice(Math.max(0, lines.length - query.lines))) {
    told.add(event)
    yield line
  }
  if (!query.follow) return
  const readers = stacks.map(({ name, id }) => ({ name, read: openEventReader(parts, id) }))
  while (!signal.aborted) {
    for (const { name, read } of readers) {
      for (const event of await read(signal)) {
        if (told.has(event.EventId ?? '')) continue
        const { event: id, ...line } = lineOf(name, event)
        told.add(id)
        yield line
      }
    }
    await parts.clock.sleep(Math.min(followEveryMs, parts.lookEveryMs * 5), signal)
  }
}

const lineOf = (instance: string, event: StackEvent): LogLine & { event: string } => ({
  event: event.EventId ?? '',
  at: event.Timestamp?.toISOString() ?? '',
  instance,
  stream: event.ResourceStatus?.endsWith('_FAILED') ? 'stderr' : 'stdout',
  text: eventLine(event),
})
