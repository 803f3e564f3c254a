/** What an adapter does for one kind of channel: turns a notification into a request. Pure; sending is the same for all. */
import type { NotificationChannel, Person } from '../model/index.ts'
import type { Notification } from '../ports/index.ts'

export type OutgoingRequest = { headers: Record<string, string>; body: string }

export type AdapterContext = {
  /** The value behind the channel's `secret`; null where it names none. */
  secret: string | null
  /** Members of all groups, to name people as the channel knows them. */
  people: readonly Person[]
}

export type ChannelAdapter = {
  /** The message, made once and the same at every attempt. */
  compose(notification: Notification, context: AdapterContext): Message
}

export type Message = {
  /** The request of one attempt, `nowMs` being when it is sent. */
  request(nowMs: number): OutgoingRequest
}

/** Every kind of channel and where its adapter is; loaded when the first message is sent through one. */
export const adapters: Record<NotificationChannel['kind'], () => Promise<ChannelAdapter>> = {
  slack: async () => (await import('./slack/index.ts')).slackAdapter,
  webhook: async () => (await import('./webhook/index.ts')).webhookAdapter,
}
