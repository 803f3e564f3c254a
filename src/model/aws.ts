/** How an account of AWS is reached. */
export type AwsAccess = {
  region: string
  /** Twelve digits, asserted before the first write; null: whatever account the credentials belong to. */
  account: string | null
  /** ARN of the role that is taken on; null: the credentials at hand are used as they are. */
  role: string | null
  /** Of every service, for emulators and private endpoints; null: AWS's own, or what `AWS_ENDPOINT_URL` says. */
  endpoint: string | null
  /** Of `~/.aws/config`; null: what the process's variables say. */
  profile: string | null
}
