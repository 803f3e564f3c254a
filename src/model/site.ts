/** Static sites: how files are served (recipe), and where they are (policy). */

export type SiteRun = {
  kind: 'site'
  port: null
  health: null
  /** What a folder answers with: brought last of all. */
  index: string
  /** The document for addresses that there are none of; null: none. */
  notFound: string | null
  /** `Cache-Control` by pattern; the first that matches counts. */
  cache: Array<{ pattern: string; header: string }>
}

/** `{project}`, `{environment}` and `{service}` are filled in. */
export type SiteConfig = {
  bucket: string
  /** Of keys in it, without slashes at its ends: what the public sees begins there. */
  prefix: string
  /** Where it is written down what was brought; null: in the same bucket, outside the prefix. */
  records: string | null
  /** Of CloudFront. */
  distribution: string
  /** Public address; null: that of the distribution. */
  url: string | null
  /** How long an invalidation may take. */
  timeoutMs: number
}
