import type { VariableSourceConfig } from '../model/index.ts'

/** Where an environment's variables and secrets come from, at the moment of deploying. */
export type VariableSource = {
  /** All variables the source offers, by their name without prefix. */
  read(config: VariableSourceConfig, signal: AbortSignal): Promise<ReadonlyMap<string, string>>
}
