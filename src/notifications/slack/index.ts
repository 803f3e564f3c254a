/** Slack through an incoming webhook: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks. */
import type { ChannelAdapter } from '../channel.ts'
import { slackMessage } from './message.ts'

export const slackAdapter: ChannelAdapter = {
  compose(notification, { people }) {
    const body = JSON.stringify(slackMessage(notification, people))
    return { request: () => ({ headers: {}, body }) }
  },
}
