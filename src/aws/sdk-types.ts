/** The shapes that all clients, commands and paginators of the SDK share. */
import type { Client, Command, MetadataBearer, PaginationConfiguration, Paginator } from '@smithy/types'

export type SdkClient<ClientInput extends object, ClientOutput extends MetadataBearer, Configuration> = Client<
  ClientInput,
  ClientOutput,
  Configuration
>

export type SdkCommand<
  ClientInput extends object,
  Input extends ClientInput,
  ClientOutput extends MetadataBearer,
  Output extends ClientOutput,
  Configuration,
> = Command<ClientInput, Input, ClientOutput, Output, Configuration>

/** `paginateListFunctions` and its like. */
export type SdkPaginator<SdkClient, Input, Output> = (
  configuration: PaginationConfiguration & { client: SdkClient },
  input: Input,
  ...rest: unknown[]
) => Paginator<Output>

/** `LambdaClient` and its like. */
// biome-ignore lint/suspicious/noExplicitAny: each client has a configuration type of its own, and ours fits them all.
export type SdkClientClass<Made> = new (configuration: any) => Made

/** What can be read of any client. */
export type AnyClient = { destroy(): void }
