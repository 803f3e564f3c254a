/** What an artifact may hold. The packer refuses what the unpacker would not take. */
export const limits = {
  /** Files and links; a large `node_modules` has some 100 000. */
  entries: 500_000,
  /** Sum of all file sizes. */
  totalBytes: 16 * 1024 ** 3,
  /** A path inside the artifact; Linux and macOS take no more in one call. */
  pathBytes: 4096,
} as const
