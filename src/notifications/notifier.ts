/** Tells people through the project's channels, beside the delivery and never in its way. */
import type { NotificationChannel, Person, SecretReference } from '../model/index.ts'
import type { Clock, Notification, Notifier } from '../ports/index.ts'
import { adapters } from './channel.ts'
import { defaultLimits, type NotificationLimits } from './limits.ts'
import { sendMessage } from './sender.ts'

export type NotifierOptions = {
  channels: readonly NotificationChannel[]
  /** The value of a secret reference; null where its variable is not set. */
  resolveSecret(reference: SecretReference): string | null
  clock: Clock
  /** Groups and their members, as in `Project`. */
  people: Readonly<Record<string, readonly Person[]>>
  limits?: Partial<NotificationLimits>
  /** Told at once what could not be told, as a sentence; `flush` answers the same sentences. */
  onFailure?(sentence: string): void
}

/** Channels send side by side, each its own messages in order. */
export function createNotifier(options: NotifierOptions): Notifier {
  const limits = { ...defaultLimits, ...options.limits }
  const failures: string[] = []
  const fail = (sentence: string) => {
    failures.push(sentence)
    options.onFailure?.(sentence)
  }
  const lanes = options.channels.map((channel, index) =>
    createLane({ ...options, channel, limits, fail, label: labelOf(options.channels, index) }),
  )

  return {
    send(notification) {
      for (const lane of lanes) lane.send(notification)
    },
    async flush() {
      const stop = new AbortController()
      const rest = Promise.all(lanes.map((lane) => lane.idle()))
      const timeUp = options.clock.sleep(limits.flushMs, stop.signal).then(
        () => lanes.map((lane) => lane.giveUp()),
        () => [],
      )
      await Promise.race([rest, timeUp])
      stop.abort()
      // Given up lanes end at once: their requests are aborted.
      await rest
      return failures.splice(0)
    },
  }
}

/** `the Slack channel`, `webhook 2`: names the channel without its address. */
function labelOf(channels: readonly NotificationChannel[], index: number): string {
  const kind = channels[index]?.kind ?? 'webhook'
  const alike = channels.filter((channel) => channel.kind === kind)
  const word = kind === 'slack' ? 'Slack' : 'webhook'
  const place = channels.slice(0, index + 1).filter((channel) => channel.kind === kind).length
  return alike.length === 1 ? `the ${word} channel` : `${word} channel ${place}`
}

type LaneOptions = NotifierOptions & {
  channel: NotificationChannel
  label: string
  limits: NotificationLimits
  fail(sentence: string): void
}

type Lane = {
  send(notification: Notification): void
  idle(): Promise<void>
  giveUp(): void
}

/** One channel: a bounded queue and at most one request at a time. */
function createLane(options: LaneOptions): Lane {
  const { channel, label, limits, fail } = options
  const queue: Notification[] = []
  let work: Promise<void> | null = null
  let abort: AbortController | null = null
  let address: { url: URL; secret: string | null } | 'unusable' | null = null
  let dropped = 0

  const drain = async () => {
    abort = new AbortController()
    const { signal } = abort
    while (!signal.aborted) {
      const next = queue.shift()
      if (next === undefined) break
      const why = await deliver(next, signal)
      if (why !== null) fail(`${label} was not told that ${subjectOf(next)}: ${why}`)
    }
    const left = queue.splice(0).length
    if (left > 0) fail(`${label} was not told of ${count(left)} more: time was up`)
    if (dropped > 0) fail(`${label} was not told of ${count(dropped)}: too many were waiting`)
    dropped = 0
    abort = null
    work = null
  }

  const deliver = async (notification: Notification, signal: AbortSignal): Promise<string | null> => {
    if (address === null || address === 'unusable') return null
    const { url, secret } = address
    try {
      const adapter = await adapters[channel.kind]()
      const people = Object.values(options.people).flat()
      const message = adapter.compose(notification, { secret, people })
      return await sendMessage(message, { url, clock: options.clock, limits, signal })
    } catch (error) {
      // A fault of our own must not end a delivery either. Its name only: messages may quote what was sent.
      return `an unexpected ${error instanceof Error ? error.name : 'fault'}`
    }
  }

  return {
    send(notification) {
      if (!isWanted(channel, notification)) return
      address ??= resolveAddress(options)
      if (address === 'unusable') return
      if (queue.length >= limits.queueLength) {
        queue.shift()
        dropped += 1
      }
      queue.push(notification)
      work ??= drain()
    },
    idle: async () => {
      await work
    },
    giveUp: () => abort?.abort(),
  }
}

const isWanted = (channel: NotificationChannel, notification: Notification): boolean =>
  // Who hears of failures hears of policy's no.
  channel.on.includes(notification.kind === 'refused' ? 'failed' : notification.kind) &&
  (channel.environments.length === 0 || channel.environments.includes(notification.environment))

/** Where the channel leads; asked once, so that a missing variable is mentioned once. */
function resolveAddress({
  channel,
  label,
  resolveSecret,
  fail,
}: LaneOptions): { url: URL; secret: string | null } | 'unusable' {
  const text = resolveSecret(channel.url)
  if (text === null || text === '') return unusable(`${label} is told nothing: ${nameOf(channel.url)} is not set`, fail)
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return unusable(`${label} is told nothing: ${nameOf(channel.url)} is no http or https URL`, fail)
  }
  if (channel.kind !== 'webhook' || channel.secret === null) return { url, secret: null }
  const secret = resolveSecret(channel.secret)
  // Unsigned messages would be refused, or worse, taken: a secret that is named must be there.
  if (secret === null || secret === '')
    return unusable(`${label} is told nothing: ${nameOf(channel.secret)} is not set`, fail)
  return { url, secret }
}

function unusable(sentence: string, fail: (sentence: string) => void): 'unusable' {
  fail(sentence)
  return 'unusable'
}

const nameOf = (reference: SecretReference): string => ('from' in reference ? reference.from : 'its address')

const count = (events: number): string => `${events} ${events === 1 ? 'event' : 'events'}`

const subjectOf = ({ environment, version, kind }: Notification): string => `${version} ${kind} in ${environment}`
