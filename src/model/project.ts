/**
 * A parsed `trunkline.yaml`. Durations are milliseconds, sizes bytes, patterns globs relative to the repository's root.
 * `Environment` has two halves (invariant 12): its policy is read from the remote's trunk, its recipe from the commit.
 */
import type { AwsAccess } from './aws.ts'
import type { CloudFormationConfig, CloudFormationRun } from './cloudformation.ts'
import type { CodeDeployConfig } from './codedeploy.ts'
import type { CodePipelineConfig, PipelineRun } from './codepipeline.ts'
import type { EcsConfig, EcsRun } from './ecs.ts'
import type { EnvironmentName, ServiceName, TargetName } from './identity.ts'
import type { GitOpsConfig, KubernetesConfig, KubernetesRun } from './kubernetes.ts'
import type { LambdaConfig, LambdaRun, ServerlessRun } from './lambda.ts'
import type { RolloutStrategy } from './rollout-strategy.ts'
import type { ScanPolicy } from './scan.ts'
import type { SiteConfig, SiteRun } from './site.ts'
import type { TerraformConfig, TerraformRun } from './terraform.ts'
import type { BuildSettings } from './workplace.ts'

export type Project = {
  name: string
  /** Branch name, without `refs/heads/`. */
  trunk: string
  shared: Input[]
  artifacts: ArtifactStoreLocation
  /** Absent: repositories are made by others. */
  ecr?: EcrSettings
  /** Of what belongs to no environment, such as the artifact store. Absent where AWS is not spoken of. */
  aws?: AwsAccess
  builds: BuildSettings
  /** `any` for builds whose output does not depend on the machine, else `<os>/<arch>` as Node names them (`linux/x64`). */
  platform: string | null
  /** Tool name to version prefix: part of every input hash, and checked on the machine before a build. */
  tools: Record<string, string>
  prepare: Prepare | null
  services: Record<ServiceName, Service>
  environments: Record<EnvironmentName, Environment>
  tasks: Record<string, Task>
  /** Group name to its members. */
  people: Record<string, Person[]>
  /** Whose records and events count; empty: those of anyone who may push. */
  builders: SigningBuilder[]
  notify: NotificationChannel[]
  state: StateSettings
}

/** How repositories of Amazon's registry are made, where they are missing. */
export type EcrSettings = {
  create: boolean
  immutableTags: boolean
  scanOnPush: boolean
  /** Newest images that a new repository keeps; null: all. */
  keep: number | null
}

export type StateSettings = {
  /** A remote's name or URL; falls back to the local repository only where that remote is not configured at all. */
  remote: string
  /** Ref prefix, without trailing slash: `refs/trunkline`. */
  prefix: string
  leaseTtlMs: number
}

export type ArtifactStoreLocation =
  | {
      kind: 'oci-layout' /** Absolute, or relative to the repository; null: under Trunkline's home. */
      path: string | null
    }
  | {
      kind: 'oci-registry'
      /** `registry.example/shop`; with `{service}` as a part of its path, each service has one of its own. */
      repository: string
      insecure: boolean
    }
  | {
      kind: 's3'
      bucket: string
      /** Without slashes at its ends; '' is the whole bucket. */
      prefix: string
    }

/** What belongs to a build. With `keys`, only those keys of a structured file (dotenv, JSON, YAML, TOML) do. */
export type Input = { pattern: string; keys?: string[] }

/** Installs what builds need, once per content. */
export type Prepare = { run: string; inputs: string[]; timeoutMs: number; env: BuildEnvironment }

/** The environment a command sees: `PATH`, `HOME`, `TMPDIR` and locale, plus what stands here. Part of the input hash. */
export type BuildEnvironment = {
  /** Fixed values. */
  set: Record<string, string>
  /** Names passed through from the caller (their values count into the hash). */
  pass: string[]
}

export type Check = { run: string; timeoutMs: number; env: BuildEnvironment }

export type Build = {
  /** null: esbuild alone. */
  run: string | null
  /** Bundled after the command; absent: nothing is. */
  esbuild?: EsbuildRecipe
  timeoutMs: number
  env: BuildEnvironment
}

/** What esbuild makes, all paths from the repository's root. */
export type EsbuildRecipe = {
  /** By the name of what is made, without its ending. */
  entries: Record<string, string>
  /** The folder it is made in. */
  to: string
  format: 'cjs' | 'esm'
  /** `node22` */
  target: string
  /** Left to whoever runs it: `@aws-sdk/*`. */
  external: string[]
  sourcemap: 'linked' | 'external' | 'inline' | 'none'
  minify: boolean
  define: Record<string, string>
  loader: Record<string, string>
}

export type ArtifactRecipe =
  /** A tar of the matching files below `from`, a folder of the build directory ('' is the whole); paths in it start there. */
  | { kind: 'bundle'; from: string; include: string[]; exclude: string[] }
  /** The same files as a zip. */
  | { kind: 'zip'; from: string; include: string[]; exclude: string[] }
  | ImageRecipe
  | DockerfileRecipe
  /** This service runs another service's artifact. */
  | { kind: 'of'; service: ServiceName }

/** The same files as one layer on a base image. */
export type ImageRecipe = {
  kind: 'image'
  from: string
  include: string[]
  exclude: string[]
  /** `registry.example/node:24@sha256:…`; null: from scratch. */
  base: string | null
  /** Folder of the image that the files are put in. */
  to: string
  entrypoint: string[]
  command: string[]
  workdir: string | null
  user: string | null
  env: Record<string, string>
  labels: Record<string, string>
  /** What it is made for, as OCI names it (`linux/amd64`); absent: what the builder is. Several make an index. */
  platforms?: string[]
}

/** An image that a Dockerfile describes, built by a container tool of the machine. */
export type DockerfileRecipe = {
  kind: 'dockerfile'
  /** Path of the Dockerfile in the repository. */
  dockerfile: string
  /** Folder of the repository that it copies from; '' is the whole. */
  context: string
  /** The stage to build; null: the last. */
  target: string | null
  args: Record<string, string>
  /** As OCI names them (`linux/amd64`); empty: what the builder is. Several make an index. */
  platforms: string[]
  /** What `RUN --mount=type=secret,id=…` sees, by id: variables of the process that delivers. */
  secrets: Record<string, { from: string }>
  /** For each platform. */
  timeoutMs: number
}

export type Service = {
  name: ServiceName
  /** Folder whose content is an input; null where all inputs are declared. */
  path: string | null
  inputs: Input[]
  checkInputs: string[]
  deployInputs: string[]
  ignore: string[]
  /** Whether imports of workspaces, Go packages, Dockerfile COPY and path dependencies are read as inputs. */
  infer: boolean
  /** Services whose artifacts this build starts from: unpacked at `.trunkline/needs/<name>` in the build directory. */
  needs: ServiceName[]
  checks: Record<string, Check>
  build: Build | null
  artifact: ArtifactRecipe
  /** Changing it rebuilds, though no input changed. */
  rebuild: string | null
  run: Run | null
  env: Record<string, EnvironmentVariable>
  deployAfter: ServiceName[]
  /** Which target of an environment runs it, by name; null: the environment's only target. */
  target: TargetName | null
}

export type Run =
  | CommandRun
  | AppspecRun
  | ContainerRun
  | LambdaRun
  | ServerlessRun
  | CloudFormationRun
  | TerraformRun
  | SiteRun
  | PipelineRun

/** Deployed in place by the scripts of its artifact, as AWS CodeDeploy does it: what they start is none of ours. */
export type AppspecRun = {
  kind: 'appspec'
  /** Path of the `appspec.yml` in the artifact. */
  appspec: string
  /** A failing `ApplicationStop` of what ran before does not stand in the way. */
  ignoreStopFailures: boolean
  port: null
  health: null
}

/** A container of the service's own image, started as the image says. */
export type ContainerRun = {
  kind: 'container'
  /** Port that the container listens on; null: it serves nothing, or its description says which. */
  containerPort: number | null
  port: null
  /** Path that answers 2xx when it can take requests; null: an accepted connection is enough. */
  health: string | null
  /** In place of the image's own arguments; empty: those. */
  args: string[]
  startTimeoutMs: number
  drainTimeoutMs: number
  kubernetes: KubernetesRun
  /** Where ECS runs it and the team has written the task definition. Absent: made of what stands above. */
  ecs?: EcsRun
}

/** Instances that are started and watched. Without `kind`, as releases have always named it. */
export type CommandRun = {
  kind?: never
  command: string
  /** Name of the variable in which an instance is told its port; null: it serves nothing. */
  port: string | null
  /** Path that answers 2xx when the instance can take requests; null: an accepted connection is enough. */
  health: string | null
  /** How long a start may take before the instance counts as failed. */
  startTimeoutMs: number
  /** How long running requests may take when an instance is drained, before it is told to stop. */
  drainTimeoutMs: number
  /** From SIGTERM to SIGKILL. */
  stopTimeoutMs: number
  /** Where it also runs on a cluster. Absent: described there by what stands above. */
  kubernetes?: KubernetesRun
}

export type EnvironmentVariable =
  | { kind: 'value'; value: string }
  /** Read from the environment's variable source when deploying. */
  | { kind: 'from'; from: string; secret: boolean; default: string | null }
  /** The address (`http://host:port`) of another service in the same environment. */
  | { kind: 'service'; service: ServiceName }
  /** What infrastructure in the same environment came to: an output of a stack, known once that has been rolled out. */
  | { kind: 'output'; service: ServiceName; output: string; secret: boolean; default: string | null }

export type Environment = EnvironmentPolicy & { recipe: EnvironmentRecipe }

/** Read from the remote's trunk. */
export type EnvironmentPolicy = {
  name: EnvironmentName
  routes: Route[]
  after: EnvironmentName[]
  approval: ApprovalPolicy | null
  windows: DeploymentWindow[]
  targets: Record<TargetName, TargetConfig>
  /** The account that its targets and variables are in. Absent where AWS is not spoken of. */
  aws?: AwsAccess
  variables: VariableSourceConfig
  /** Absent: findings of scans are nobody's concern here. */
  scan?: ScanPolicy
  onFailure: Reaction[]
}

/** Read from the commit; travels in the release. */
export type EnvironmentRecipe = {
  rollout: RolloutStrategy
  /** Services that are rolled out in another way. Absent where there are none. */
  rollouts?: Record<ServiceName, RolloutStrategy>
  before: Hook[]
  after: Hook[]
  /** Run in reverse order on the way back. */
  rollback: Hook[]
  verify: Verification[]
  /** This environment's overlay: paths only it sees. */
  deployInputs: string[]
}

/** Of an environment that a commit does not know. */
export const emptyRecipe: EnvironmentRecipe = {
  rollout: 'one-at-a-time',
  before: [],
  after: [],
  rollback: [],
  verify: [],
  deployInputs: [],
}

export type Route = {
  kind: 'branch' | 'tag'
  /** `*` matches within one path segment, `**` across, `{name}` captures one segment's part. */
  pattern: string
  /** The commit must be reachable from this branch at the remote. */
  reachableFrom: string | null
}

export type ApprovalPolicy = {
  /** `@group` or an e-mail; empty: anyone who may push. */
  by: string[]
  quorum: number
  notAuthor: boolean
  expiresMs: number | null
}

export type DeploymentWindow = { cron: string; durationMs: number; timezone: string }

export type Reaction = 'rollback' | 'yank' | 'notify'

/** One member per platform; each target folder owns its own part. */
export type TargetConfig =
  | { kind: 'fleet'; fleet: FleetConfig }
  | { kind: 'kubernetes'; kubernetes: KubernetesConfig }
  | { kind: 'gitops'; gitops: GitOpsConfig }
  | { kind: 'lambda'; lambda: LambdaConfig }
  | { kind: 'cloudformation'; cloudformation: CloudFormationConfig }
  | { kind: 'terraform'; terraform: TerraformConfig }
  | { kind: 'codedeploy'; codedeploy: CodeDeployConfig }
  | { kind: 'codepipeline'; codepipeline: CodePipelineConfig }
  | { kind: 'site'; site: SiteConfig }
  | { kind: 'ecs'; ecs: EcsConfig }

export type FleetConfig = {
  /** Each is what `parseHostAddress` takes. */
  hosts: string[]
  replicas: number
  /** Fixed public ports by service; others get a stable one assigned. */
  ports: Record<ServiceName, number>
  /** Address the router listens on. */
  listen: string
  /** What stands in front of the instances; absent: Trunkline's own router. */
  router?: RouterConfig
}

/**
 * The router of a fleet: Trunkline's own, or a team's. Names may hold `{project}`, `{environment}` and `{service}`.
 * Commands are program and arguments.
 */
export type RouterConfig =
  | { kind: 'built-in' }
  | {
      kind: 'nginx'
      /** Where our files go; nginx includes `*.conf` of it within `http`. */
      directory: string
      /** What the `upstream` of a service is called. */
      upstream: string
      test: string[]
      reload: string[]
      /** Of its master process: tells when old workers have ended. */
      pidFile: string
    }
  | {
      kind: 'haproxy'
      /** Its stats socket, of level `admin`. */
      socket: string
      /** What the backend of a service is called in the team's configuration. */
      backend: string
    }

export type VariableSourceConfig = {
  prefix: string | null
  dotenv: string[]
  /** Absent where nothing comes from AWS. */
  aws?: AwsVariables
}

export type AwsVariables = {
  access: AwsAccess
  /** Paths of parameters: all below one are variables. */
  ssm: string[]
  /** Names or ARNs of secrets. */
  secretsManager: string[]
}

/** A command in a service's own artifact and environment. */
export type Hook = {
  name: string
  service: ServiceName
  run: string
  timeoutMs: number
  /** Running it again is harmless: an unknown outcome reruns it. */
  idempotent: boolean
  /** It cannot be undone: a rollback past it needs force. */
  irreversible: boolean
  /** Of a hook before the rollouts: services that are rolled out before it all the same. Never empty. */
  deployAfter?: ServiceName[]
}

export type Verification = {
  name: string
  timeoutMs: number
  env: Record<string, EnvironmentVariable>
} & (
  | { kind: 'command'; run: string }
  | { kind: 'http'; service: ServiceName; path: string; status: number; contains: string | null }
)

export type Task = { name: string; service: ServiceName; run: string; timeoutMs: number }

export type Person = { email: string; name: string | null; ssh: SigningKey[]; slack: string | null }

/** A public SSH key, and when what it signs counts (ms since the epoch; null: no end). */
export type SigningKey = { key: string; fromMs: number; untilMs: number | null }

/** Who delivers: its signatures count on records and on events that no person decides. */
export type SigningBuilder = { name: string; ssh: SigningKey[] }

export type NotificationKind =
  | 'started'
  | 'succeeded'
  | 'failed'
  | 'errored'
  /** Told to whoever hears of failures. */
  | 'refused'
  | 'waiting'
  | 'rolled-back'
  | 'yanked'
  | 'held'

/** Secret values are named, never written: `from` is a variable of the process that delivers. */
export type NotificationChannel =
  | { kind: 'slack'; url: SecretReference; on: NotificationKind[]; environments: EnvironmentName[] }
  | {
      kind: 'webhook'
      url: SecretReference
      secret: SecretReference | null
      on: NotificationKind[]
      environments: EnvironmentName[]
    }

export type SecretReference = { from: string } | { value: string }
