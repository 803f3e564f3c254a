/** What runs on which platform: images on clusters, files on fleets. */
import type { TargetConfig } from '../../model/index.ts'
import type { PlacedMistake } from '../explain-issue.ts'
import { type ArtifactDocument, defaultArtifact } from '../schema/artifact.ts'
import type { RunDocument } from '../schema/run.ts'
import type { ServiceDocument } from '../schema/service.ts'
import type { Check, CheckContext } from './check.ts'

type RunKind = NonNullable<RunDocument['kind']> | 'command'
type ArtifactKind = ArtifactDocument['kind']

/** To add a platform, a line here: what it takes. */
const platforms: Record<
  TargetConfig['kind'],
  { artifacts: readonly ArtifactKind[]; runs: readonly RunKind[]; hint: string }
> = {
  fleet: {
    artifacts: ['bundle', 'zip'],
    runs: ['command', 'appspec'],
    hint: 'a fleet takes a bundle or a zip, with `run.command` or `run.appspec`',
  },
  kubernetes: {
    artifacts: ['image', 'dockerfile'],
    runs: ['command', 'container'],
    hint: 'for example `artifact: { image: { base: …, entrypoint: […] } }`',
  },
  gitops: {
    artifacts: ['image', 'dockerfile'],
    runs: ['command', 'container'],
    hint: 'for example `artifact: { image: { base: …, entrypoint: […] } }`',
  },
  lambda: {
    artifacts: ['zip', 'bundle'],
    runs: ['lambda', 'serverless'],
    hint: 'for example `run: { lambda: { handler: dist/handler.main, runtime: nodejs22.x } }` with `artifact: { zip: {} }`',
  },
  terraform: {
    artifacts: ['bundle', 'zip'],
    runs: ['terraform'],
    hint: 'a root module is applied: `run: { terraform: { directory: … } }`',
  },
  cloudformation: {
    artifacts: ['bundle', 'zip'],
    runs: ['cloudformation'],
    hint: 'a stack is made of a template: `run: { cloudformation: { template: …, stack: … } }`',
  },
  codedeploy: {
    artifacts: ['bundle', 'zip'],
    runs: ['appspec'],
    hint: 'CodeDeploy takes a bundle or a zip with an `appspec.yml`: `run: { appspec: appspec.yml }`',
  },
  codepipeline: {
    artifacts: ['zip', 'bundle', 'image', 'dockerfile'],
    runs: ['pipeline', 'appspec', 'command', 'container', 'lambda', 'serverless', 'site'],
    hint: 'infrastructure shows its previews and outputs on a target of its own: `cloudformation`, `terraform`',
  },
  ecs: {
    artifacts: ['image', 'dockerfile'],
    runs: ['command', 'container'],
    hint: 'for example `run: { container: { port: 8080 } }` with `artifact: { image: { base: …, entrypoint: […] } }`',
  },
  site: {
    artifacts: ['bundle', 'zip'],
    runs: ['site'],
    hint: 'a site is files: `run: { site: {} }` with `artifact: { bundle: { from: dist } }`',
  },
}

const artifactWords: Record<ArtifactKind, string> = {
  bundle: 'a bundle',
  zip: 'a zip',
  image: 'an image',
  dockerfile: 'an image',
  of: "another's artifact",
}

const runWords: Record<RunKind, string> = {
  command: 'runs a command',
  container: 'runs as a container',
  appspec: 'is deployed by its `appspec.yml`',
  lambda: 'runs as a function',
  serverless: 'is deployed by its `serverless.yml`',
  cloudformation: 'is a stack of CloudFormation',
  terraform: 'is applied by Terraform',
  site: 'is a static site',
  pipeline: 'is deployed by a pipeline',
}

export const checkPlatforms: Check = function* (context) {
  const { document } = context
  for (const [name, service] of Object.entries(document.services)) {
    const { run } = service
    if (run === undefined || isBundledSomehow(name, service, context)) continue
    const packed = (ownerOf(name, context)?.artifact ?? defaultArtifact).kind
    for (const { environment, kind } of placesOf(service, context)) {
      const mistake = mistakeOf(name, run.kind ?? 'command', packed, { environment, kind })
      if (mistake === null) continue
      yield { path: ['services', name], mistake }
      break
    }
  }
  yield* unreachableImages(context)
}

/** By esbuild, and nobody knows yet of what: its own mistake is enough. */
const isBundledSomehow = (name: string, { build }: ServiceDocument, { keysAt }: CheckContext): boolean =>
  build?.esbuild === undefined && keysAt(['services', name, 'build']).includes('esbuild')

function mistakeOf(
  name: string,
  run: RunKind,
  packed: ArtifactKind,
  { environment, kind }: { environment: string; kind: TargetConfig['kind'] },
): PlacedMistake['mistake'] | null {
  const { artifacts, runs, hint } = platforms[kind]
  const place = `environment \`${environment}\` runs it on ${kind}`
  if (!runs.includes(run)) {
    const message = `service \`${name}\` ${runWords[run]}, and ${place}, which cannot do that`
    return { key: 'run', code: 'WRONG_PLATFORM', message, hint }
  }
  if (run === 'lambda' && packed === 'bundle') {
    const message = `service \`${name}\` is a bundle, and a function is made of a zip`
    return { key: 'artifact', code: 'WRONG_PLATFORM', message, hint: 'for example `artifact: { zip: {} }`' }
  }
  if (artifacts.includes(packed)) return null
  const message = `service \`${name}\` is ${artifactWords[packed]}, and ${place}, which takes ${[...new Set(artifacts.map((taken) => artifactWords[taken]))].join(' or ')}`
  return { key: 'artifact', code: 'WRONG_PLATFORM', message, hint }
}

/** Where a service runs: its own target of each environment, else the only one. */
function placesOf(service: ServiceDocument, { document }: CheckContext) {
  return Object.entries(document.environments).flatMap(([environment, { target, targets }]) => {
    const named = Object.entries(targets ?? {})
    const own =
      target ?? named.find(([name]) => name === service.target)?.[1] ?? (named.length === 1 ? named[0]?.[1] : undefined)
    return own === undefined ? [] : [{ environment, kind: own.kind }]
  })
}

/** Whose artifact it runs. */
function ownerOf(name: string, { document }: CheckContext): ServiceDocument | undefined {
  const passed = new Set<string>()
  let owner = name
  while (!passed.has(owner)) {
    passed.add(owner)
    const service = Object.hasOwn(document.services, owner) ? document.services[owner] : undefined
    if (service?.artifact?.kind !== 'of') return service
    owner = service.artifact.service
  }
  return undefined
}

/** These pull from a registry. */
const pullsImages: ReadonlySet<TargetConfig['kind']> = new Set(['kubernetes', 'gitops', 'ecs'])

function* unreachableImages({ document }: CheckContext): Iterable<PlacedMistake> {
  if (document.artifacts.kind !== 'oci-layout') return
  for (const [name, { target, targets }] of Object.entries(document.environments)) {
    const kind = [target, ...Object.values(targets ?? {})].find(
      (known) => known !== undefined && pullsImages.has(known.kind),
    )?.kind
    if (kind === undefined) continue
    yield {
      path: [],
      mistake: {
        key: 'artifacts',
        code: 'NO_REGISTRY',
        message: `environment \`${name}\` runs on ${kind}, which pulls images from a registry, and artifacts are kept in a folder`,
        hint: 'for example `artifacts: oci://registry.example/shop`',
      },
    }
    return
  }
}
