import type { AwsCredentialIdentity, MetadataBearer } from '@smithy/types'
import type { SdkClient, SdkClientClass, SdkCommand, SdkPaginator } from './sdk-types.ts'
import type { WaitOptions } from './wait-for.ts'

/** One environment's way to AWS: its region, its credentials, its limits. Nothing is asked before the first call. */
export type Aws = {
  readonly region: string
  /** A client of the SDK with our region, credentials, endpoint, time-outs and retries; one per class. */
  client<Made extends { destroy(): void }>(clientClass: SdkClientClass<Made>): Made
  /**
   * One API call: bounded, cancellable, repeated where it is throttled or AWS is broken. Errors are ours, with the
   * SDK's as `cause`: see `isError`.
   */
  send<
    ClientInput extends object,
    Input extends ClientInput,
    ClientOutput extends MetadataBearer,
    Output extends ClientOutput,
    Configuration,
  >(
    client: SdkClient<ClientInput, ClientOutput, Configuration>,
    command: SdkCommand<ClientInput, Input, ClientOutput, Output, Configuration>,
    options: SendOptions,
  ): Promise<Output>
  /**
   * One API call whose answer is a small body of text: that is taken within the call's bounds, too, and asked for again
   * where it breaks off.
   */
  text<
    ClientInput extends object,
    Input extends ClientInput,
    ClientOutput extends MetadataBearer,
    Output extends ClientOutput & { Body?: TextBody | undefined },
    Configuration,
  >(
    client: SdkClient<ClientInput, ClientOutput, Configuration>,
    command: SdkCommand<ClientInput, Input, ClientOutput, Output, Configuration>,
    options: SendOptions,
  ): Promise<{ text: string; output: Output }>
  /** All pages, one output each; `paginate` is the SDK's (`paginateListFunctions`). */
  pages<Made extends { destroy(): void }, Input, Output>(
    paginate: SdkPaginator<Made, Input, Output>,
    client: Made,
    input: Input,
    options: PageOptions,
  ): AsyncGenerator<Output, void, undefined>
  /** Looks until there is something, with growing pauses by our clock. */
  waitFor<Found>(options: WaitOptions<Found>): Promise<Found>
  /**
   * Who we are. Refused (`WRONG_ACCOUNT`, `WRONG_REGION`) where the credentials belong to another account, or to
   * another part of AWS, than configured. Asked once.
   */
  assertAccount(signal: AbortSignal): Promise<CallerIdentity>
  /** Whether AWS answered with an error of that name (`ResourceNotFoundException`), in our words or its own. */
  isError(error: unknown, name: string): boolean
  /** For what signs by itself (presigned addresses). */
  credentials(signal: AbortSignal): Promise<AwsCredentialIdentity>
  close(): Promise<void>
}

/** As the SDK gives bodies. */
type TextBody = { transformToString(): Promise<string> }

export type CallerIdentity = { account: string; arn: string }

export type SendOptions = {
  signal: AbortSignal
  /** Of all tries together; default two minutes. */
  timeoutMs?: number
  /** It changes something: the account is asserted before. */
  writes?: boolean
  /** AWS has not caught up with itself: the call is repeated, with pauses, while this says so and there is time. */
  retryWhile?(error: unknown): boolean
}

export type PageOptions = {
  signal: AbortSignal
  /** Of each page. */
  timeoutMs?: number
  /** More pages than this are a fault of ours or of AWS's; default 1000. */
  maxPages?: number
}
