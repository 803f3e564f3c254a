/**
 * The way to AWS, for all who use it: credentials and roles, retries, bounds, errors in our words. Clients are the SDK's
 * own; who uses a service imports its client, and is itself imported lazily: nothing here loads the SDK.
 */
export type { Aws, CallerIdentity, PageOptions, SendOptions } from './aws.ts'
export { type AwsSurroundings, openAws } from './open-aws.ts'
export { withPatience } from './patience.ts'
export type { WaitOptions } from './wait-for.ts'
