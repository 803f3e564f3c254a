/**
 * What was found out about a commit's inputs, kept for the next command. A cache and nothing more: it may forget
 * anything at any time, and what it gives is whole and of this very program, or nothing.
 */
export type SelectionCache = {
  /** `key` says what the selection rests on besides the tree. */
  read(key: string): Promise<Uint8Array | null>
  /** Replaces what the key had. Never fails: what cannot be written is not kept. */
  write(key: string, pieces: readonly Uint8Array[]): Promise<void>
}
