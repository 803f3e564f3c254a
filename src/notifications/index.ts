/** Tells people what a delivery did: Slack and signed webhooks, behind the `Notifier` port. */
export { defaultLimits, type NotificationLimits } from './limits.ts'
export { createNotifier, type NotifierOptions } from './notifier.ts'
