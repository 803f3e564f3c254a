/** From the configuration as written to the project as everything else knows it. */
import type {
  ArtifactRecipe,
  Environment,
  EnvironmentName,
  EnvironmentPolicy,
  EnvironmentRecipe,
  NotificationChannel,
  Person,
  Project,
  Service,
  SigningBuilder,
  TargetConfig,
  TargetName,
} from '../model/index.ts'
import { flattenRoutes } from './checks/routes.ts'
import { type ArtifactDocument, defaultArtifact } from './schema/artifact.ts'
import type { EnvironmentDocument } from './schema/environment.ts'
import type { ChannelDocument } from './schema/notification.ts'
import type { ProjectDocument } from './schema/project.ts'
import type { ServiceDocument } from './schema/service.ts'

/** The document must have passed all checks. */
export function buildProject(document: ProjectDocument): Project {
  const { project, platform, prepare, services, environments, tasks, notify, builders, ...rest } = document
  return {
    ...rest,
    name: project,
    platform: platform ?? null,
    prepare: prepare ?? null,
    services: mapValues(services, buildService),
    environments: mapValues(environments, buildEnvironment),
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
  const { path, build, artifact, rebuild, run, target, ...rest } = service
  return {
    ...rest,
    name,
    path: path ?? null,
    build: build ?? null,
    artifact: buildArtifact(artifact ?? defaultArtifact, path ?? ''),
    rebuild: rebuild ?? null,
    run: run ?? null,
    target: target ?? null,
  }
}

/** Commands run at the repository's root, and what they build for a service is below its folder. */
function buildArtifact(artifact: ArtifactDocument, folder: string): ArtifactRecipe {
  if (artifact.kind === 'of') return artifact
  return { ...artifact, from: artifact.from ?? folder }
}

function buildEnvironment(name: string, document: EnvironmentDocument): Environment {
  const { on, after, approval, windows, variables, onFailure, rollout, rollouts, hooks, verify, deployInputs } =
    document
  const policy: EnvironmentPolicy = {
    name,
    routes: flattenRoutes(on).map(({ path: _, ...route }) => route),
    after,
    approval: approval ?? null,
    windows,
    targets: buildTargets(document),
    variables,
    onFailure,
  }
  // Absent where there are none: releases of earlier versions keep their ids.
  const others = Object.keys(rollouts).length > 0 ? { rollouts } : {}
  const recipe: EnvironmentRecipe = { rollout, ...others, ...hooks, verify, deployInputs }
  return { ...policy, recipe }
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
