/** How functions are described (recipe), and where they are (policy). */
import type { ServiceName } from './identity.ts'
import type { Json } from './kubernetes.ts'

/** A function of AWS Lambda: its artifact is its zip. */
export type LambdaRun = {
  kind: 'lambda'
  port: null
  health: null
  /** What is called in the zip: `dist/handler.main`. */
  handler: string
  /** As AWS names it: `nodejs22.x`. */
  runtime: string
  architecture: 'x86_64' | 'arm64'
  memoryMb: number
  /** Of one invocation. */
  timeoutMs: number
  /** Of `/tmp`. */
  storageMb: number
  /** An HTTPS address of the function's own; null: it has none. */
  url: FunctionUrl | null
  /** What a new version is invoked with before it gets requests: an error fails its rollout. Absent: nothing. */
  healthEvent?: Json
}

export type FunctionUrl = {
  auth: 'none' | 'iam'
  /** Whether the answer is sent as it is made. */
  stream: boolean
}

/** A service that `serverless.yml` describes: deployed by the Serverless framework (`osls`), from zips in its artifact. */
export type ServerlessRun = {
  kind: 'serverless'
  port: null
  health: null
  /** Of the `serverless.yml`, relative to the repository's root. */
  config: string
  /** Other files and globs that it reads. */
  files: string[]
  /** What the Serverless framework calls the environment; `{environment}` is filled in. */
  stage: string
  /** The command line of the Serverless framework, run where its configuration is: `npx osls`. */
  command: string
  timeoutMs: number
}

export type LambdaConfig = FunctionSettings & {
  /** Where zips are kept by content, and what Trunkline remembers: a bucket in the same region. */
  bucket: string
  /** Of keys in it, without slashes at its ends. */
  prefix: string
  /** What a function is called; `{project}`, `{environment}` and `{service}` are filled in. */
  function: string
  /** What callers name: it leads to the version that takes requests. */
  alias: string
  /** Public address of a service that stands behind something else than a function URL. */
  url: string | null
  /** Versions kept to go back to, beside those in use. */
  keepVersions: number
  /** How long a function may take until a change of it is done. */
  timeoutMs: number
  drift: 'report' | 'repair'
  /** Functions with settings of their own, in place of the common ones. */
  functions: Record<ServiceName, Partial<FunctionSettings>>
}

/** What depends on the account rather than on the code. */
export type FunctionSettings = {
  /** What functions run as, and what missing ones are made with; null: they are there, and keep what they have. */
  role: string | null
  /** ARNs of layers, with their versions; null: those that it has. */
  layers: string[] | null
  /** null: that which it has. */
  network: { subnets: string[]; securityGroups: string[] } | null
  /** CloudWatch alarms, watched while requests go over; `{service}` and the like are filled in. */
  alarms: string[]
}
