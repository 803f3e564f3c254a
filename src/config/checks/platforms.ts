/** What runs on which platform: images on clusters, files on fleets. */
import type { TargetConfig } from '../../model/index.ts'
import type { PlacedMistake } from '../explain-issue.ts'
import type { ServiceDocument } from '../schema/service.ts'
import type { Check, CheckContext } from './check.ts'

export const checkPlatforms: Check = function* (context) {
  const { document } = context
  for (const [name, service] of Object.entries(document.services)) {
    if (service.run === undefined) continue
    const packed = ownerOf(name, context)?.artifact?.kind
    const isImage = packed === 'image' || packed === 'dockerfile'
    for (const { environment, kind } of placesOf(service, context)) {
      const mistake = mistakeOf(name, service, environment, kind, isImage)
      if (mistake === null) continue
      yield { path: ['services', name], mistake }
      break
    }
  }
  yield* unreachableImages(context)
}

function mistakeOf(
  name: string,
  { run }: ServiceDocument,
  environment: string,
  kind: TargetConfig['kind'],
  isImage: boolean,
): PlacedMistake['mistake'] | null {
  if (kind === 'fleet') {
    if (run?.kind === 'container') {
      return {
        key: 'run',
        code: 'WRONG_PLATFORM',
        message: `service \`${name}\` runs as a container, and environment \`${environment}\` runs it on a fleet: it needs \`run.command\` there`,
      }
    }
    if (!isImage) return null
    return {
      key: 'artifact',
      code: 'WRONG_PLATFORM',
      message: `service \`${name}\` is an image, and environment \`${environment}\` runs it on a fleet: that takes a bundle or a zip`,
    }
  }
  if (isImage && run?.kind !== 'appspec') return null
  return {
    key: isImage ? 'run' : 'artifact',
    code: 'WRONG_PLATFORM',
    message: isImage
      ? `service \`${name}\` is deployed by its \`appspec.yml\`, which ${kind} in environment \`${environment}\` cannot do`
      : `service \`${name}\` is not an image, and environment \`${environment}\` runs it on ${kind}`,
    ...(isImage ? {} : { hint: 'for example `artifact: { image: { base: …, entrypoint: […] } }`' }),
  }
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

/** A cluster pulls from a registry. */
function* unreachableImages({ document }: CheckContext): Iterable<PlacedMistake> {
  if (document.artifacts.kind !== 'oci-layout') return
  for (const [name, { target, targets }] of Object.entries(document.environments)) {
    const kind = [target, ...Object.values(targets ?? {})].find(
      (known) => known !== undefined && known.kind !== 'fleet',
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
