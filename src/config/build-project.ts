/** From the configuration as written to the project as everything else knows it. */
import type {
  ArtifactRecipe,
  AwsAccess,
  CloudFormationRun,
  Environment,
  EnvironmentName,
  EnvironmentPolicy,
  EnvironmentRecipe,
  KubernetesDescription,
  KubernetesRun,
  NotificationChannel,
  Person,
  Placeholders,
  Project,
  Run,
  Service,
  SigningBuilder,
  TargetConfig,
  TargetName,
  VariableSourceConfig,
} from '../model/index.ts'
import { descriptionOf, fillIn, isPerEnvironment } from '../model/index.ts'
import { outputsUsedBy } from './checks/outputs.ts'
import { flattenRoutes } from './checks/routes.ts'
import { type ArtifactDocument, defaultArtifact } from './schema/artifact.ts'
import type { AwsDocument } from './schema/aws.ts'
import type { EnvironmentDocument } from './schema/environment.ts'
import type { KubernetesRunDocument } from './schema/kubernetes-run.ts'
import type { ChannelDocument } from './schema/notification.ts'
import type { ProjectDocument } from './schema/project.ts'
import type { RunDocument } from './schema/run.ts'
import type { ServiceDocument } from './schema/service.ts'
import type { VariableSourceDocument } from './schema/variable-source.ts'

/** The document must have passed all checks. */
export function buildProject(document: ProjectDocument): Project {
  const {
    project,
    platform,
    prepare,
    services: written,
    environments,
    tasks,
    notify,
    builders,
    aws,
    ecr,
    ...rest
  } = document
  const services = mapValues(written, buildService)
  return {
    ...rest,
    name: project,
    ...awsOf({ project }, aws),
    ...(ecr && { ecr }),
    platform: platform ?? null,
    prepare: prepare ?? null,
    services,
    environments: mapValues(environments, (name, environment) =>
      withOverlays(
        buildEnvironment(name, environment, awsOf({ project, environment: name }, aws, environment.aws)),
        Object.values(services),
      ),
    ),
    tasks: mapValues(tasks, (name, task) => ({ name, ...task })),
    builders: builders.flatMap((builder) =>
      typeof builder === 'string' ? peopleAsBuilders(builder, rest.people) : [builder],
    ),
    notify: notify.map((channel) => buildChannel(channel, Object.keys(environments))),
  }
}

/** The people of a group deliver with their own keys. */
const peopleAsBuilders = (group: string, people: Record<string, Person[]>): SigningBuilder[] =>
  (Object.hasOwn(people, group.slice(1)) ? (people[group.slice(1)] ?? []) : []).map(({ email, ssh }) => ({
    name: email,
    ssh,
  }))

function buildService(name: string, service: ServiceDocument): Service {
  const { path, build, artifact, rebuild, run, target, deployInputs, deployAfter, ...rest } = service
  const running = run === undefined ? null : buildRun(name, run)
  return {
    ...rest,
    name,
    path: path ?? null,
    build: build ?? null,
    artifact: buildArtifact(artifact ?? defaultArtifact, path ?? ''),
    rebuild: rebuild ?? null,
    run: running,
    deployInputs: [...new Set([...deployInputs, ...describing(running).filter((at) => !isPerEnvironment(at))])],
    target: target ?? null,
    deployAfter: [...new Set([...deployAfter, ...outputsUsedBy(service)])],
  }
}

/** With the service's own name where a placeholder stands for it. */
function buildRun(service: string, run: RunDocument): Run {
  if (run.kind === 'lambda') return run
  if (run.kind === 'serverless') return { ...run, files: run.files.map((path) => fillIn(path, { service })) }
  if (run.kind === 'appspec' || run.kind === 'site' || run.kind === 'pipeline') return run
  if (run.kind === 'cloudformation') return fillStack(service, run)
  if (run.kind === 'terraform')
    return { ...run, variableFiles: run.variableFiles.map((path) => fillIn(path, { service })) }
  if (run.kind === 'container') return { ...run, kubernetes: buildKubernetesRun(service, run.kubernetes) }
  const { kubernetes, ...rest } = run
  return kubernetes === undefined ? rest : { ...rest, kubernetes: buildKubernetesRun(service, kubernetes) }
}

function fillStack(service: string, { parameterFiles, ...run }: CloudFormationRun): CloudFormationRun {
  return { ...run, parameterFiles: parameterFiles.map((path) => fillIn(path, { service })) }
}

function buildKubernetesRun(service: string, { description, images, variables }: KubernetesRunDocument): KubernetesRun {
  const fill = (template: string) => fillIn(template, { service })
  return {
    description: fillDescription(description, fill),
    images: images ?? { [service]: service },
    variables:
      variables.kind === 'named'
        ? { kind: 'named', configMap: fill(variables.configMap), secret: fill(variables.secret) }
        : variables,
  }
}

function fillDescription(
  description: KubernetesDescription,
  fill: (template: string) => string,
): KubernetesDescription {
  switch (description.kind) {
    case 'helm': {
      const { chart, release, values } = description
      return { ...description, chart: fill(chart), release: fill(release), values: values.map(fill) }
    }
    case 'kustomize':
      return { kind: 'kustomize', path: fill(description.path) }
    case 'manifests':
      return { kind: 'manifests', files: description.files.map(fill) }
    case 'generated':
    case 'knative':
      return description
  }
}

/** Paths a service is described by: nobody needs to say that they are deploy inputs. */
const describing = (run: Run | null): string[] => descriptionOf(run)?.files ?? []

/** Commands run at the repository's root, and what they build for a service is below its folder. */
function buildArtifact(artifact: ArtifactDocument, folder: string): ArtifactRecipe {
  if (artifact.kind === 'of') return artifact
  if (artifact.kind === 'dockerfile') return { ...artifact, context: artifact.context ?? folder }
  return { ...artifact, from: artifact.from ?? folder }
}

function buildEnvironment(name: string, document: EnvironmentDocument, aws: { aws?: AwsAccess }): Environment {
  const { on, after, approval, windows, scan, variables, onFailure, rollout, rollouts, hooks, verify, deployInputs } =
    document
  const policy: EnvironmentPolicy = {
    name,
    routes: flattenRoutes(on).map(({ path: _, ...route }) => route),
    after,
    approval: approval ?? null,
    windows,
    targets: buildTargets(document),
    variables: buildVariables(variables, aws.aws),
    onFailure,
    ...(scan && { scan }),
    ...aws,
  }
  // Absent where there are none: releases of earlier versions keep their ids.
  const others = Object.keys(rollouts).length > 0 ? { rollouts } : {}
  const recipe: EnvironmentRecipe = { rollout, ...others, ...hooks, verify, deployInputs }
  return { ...policy, recipe }
}

/** What services are described by in one environment alone is seen by no other. */
function withOverlays(environment: Environment, services: readonly Service[]): Environment {
  const own = services.flatMap(({ run }) =>
    describing(run)
      .filter(isPerEnvironment)
      .map((path) => fillIn(path, { environment: environment.name })),
  )
  if (own.length === 0) return environment
  const { recipe } = environment
  return { ...environment, recipe: { ...recipe, deployInputs: [...new Set([...recipe.deployInputs, ...own])] } }
}

function buildVariables(
  { prefix, dotenv, ssm, secretsManager }: VariableSourceDocument,
  access: AwsAccess | undefined,
): VariableSourceConfig {
  const local = { prefix: prefix ?? null, dotenv }
  if (access === undefined || ssm.length + secretsManager.length === 0) return local
  return { ...local, aws: { access, ssm, secretsManager } }
}

/** What an environment says of AWS goes over what the project says. */
function awsOf(names: Placeholders, ...documents: Array<AwsDocument | undefined>): { aws?: AwsAccess } {
  const said: AwsDocument = Object.assign({}, ...documents)
  if (said.region === undefined) return {}
  const { region, account = null, role = null, endpoint = null, profile = null } = said
  return { aws: { region, account, role: role === null ? null : fillIn(role, names), endpoint, profile } }
}

/** A target in its short form is called by its kind. */
const buildTargets = ({ target, targets }: EnvironmentDocument): Record<TargetName, TargetConfig> =>
  target === undefined ? (targets ?? {}) : { [target.kind]: target }

function buildChannel(channel: ChannelDocument, all: readonly EnvironmentName[]): NotificationChannel {
  const { slack, webhook, on, environments = [...all] } = channel
  if (slack !== undefined) return { kind: 'slack', url: slack.webhook, on, environments }
  if (webhook === undefined) throw new Error('a channel passed the checks without a kind')
  return { kind: 'webhook', url: webhook.url, secret: webhook.secret ?? null, on, environments }
}

const mapValues = <From, To>(record: Record<string, From>, change: (name: string, value: From) => To) =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(name, value)]))
