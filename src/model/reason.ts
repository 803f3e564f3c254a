/** Why something is done, or not done, with the evidence a reader can check. */
export type Reason = {
  /** Stable and searchable, in kebab-case: `input-changed`, `already-built`, `awaiting-approval`. */
  code: string
  /** One sentence for a person. */
  message: string
  /** A path in the repository. */
  file?: string
  /** The input (path or glob) that the file matched. */
  input?: string
  /** The rule that made it an input: `declared`, `path`, `shared`, `npm-workspace`, `go-import`, `dockerfile-copy`, … */
  rule?: string
  ref?: string
  commit?: string
  digest?: string
  /** What a person can do about it. */
  hint?: string
}

export const reason = (code: string, message: string, evidence: Omit<Reason, 'code' | 'message'> = {}): Reason => ({
  code,
  message,
  ...evidence,
})
