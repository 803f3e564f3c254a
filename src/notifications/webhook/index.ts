/** A generic webhook: JSON, signed as Standard Webhooks asks (https://www.standardwebhooks.com). See docs/notifications.md. */
import { createHmac } from 'node:crypto'
import { canonicalJson, digestOf } from '../../hashing/index.ts'
import type { Notification } from '../../ports/index.ts'
import type { ChannelAdapter } from '../channel.ts'

export const webhookAdapter: ChannelAdapter = {
  compose(notification, { secret }) {
    const id = messageId(notification)
    const body = payload(notification)
    return {
      request(nowMs) {
        const timestamp = String(Math.floor(nowMs / 1000))
        const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp }
        if (secret === null) return { headers, body }
        return { headers: { ...headers, 'webhook-signature': `v1,${sign(secret, id, timestamp, body)}` }, body }
      },
    }
  },
}

/** The same for every attempt, and for the same event told twice: receivers can drop what they have seen. */
const messageId = (notification: Notification): string => `msg_${digestOf('notification', notification).slice(0, 32)}`

/** `type` and `timestamp` where Standard Webhooks wants them, the notification as `data`. */
function payload({ at, ...data }: Notification): string {
  return canonicalJson({ version: 1, type: `deployment.${data.kind}`, timestamp: at, data })
}

/** Base64 HMAC-SHA256 over `id.timestamp.body`. A `whsec_` secret is base64, any other is taken as it stands. */
export function sign(secret: string, id: string, timestamp: string, body: string): string {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : Buffer.from(secret)
  return createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
}
