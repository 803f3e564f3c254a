/** Services that contradict themselves. */

import type { PlacedMistake } from '../explain-issue.ts'
import type { Mistake } from '../mistake.ts'
import type { ServiceDocument } from '../schema/service.ts'
import { isMisspelt } from '../schema/shapes.ts'
import type { Check, CheckContext } from './check.ts'

export const checkServices: Check = function* (context) {
  const { document, declared, keysAt } = context
  if (keysAt([]).includes('services') && declared.services.size === 0) {
    yield {
      path: ['services'],
      mistake: {
        code: 'NO_SERVICES',
        message: 'no service is declared',
        hint: 'for example `services: { web: { path: web, build: make } }`',
      },
    }
  }
  for (const [name, service] of Object.entries(document.services)) {
    for (const { at, ...mistake } of mistakesOf(name, service, context)) {
      yield { path: ['services', name, ...at], mistake } satisfies PlacedMistake
    }
  }
}

type ServiceMistake = Mistake & { at: Array<string | number> }

function* mistakesOf(name: string, service: ServiceDocument, context: CheckContext): Iterable<ServiceMistake> {
  yield* inputMistakes(name, service, context)
  yield* buildMistakes(name, service, context)
  yield* artifactMistakes(service)
  if (service.run === undefined) return
  if (
    service.run.health !== null &&
    service.run.port === null &&
    !(service.run.kind === 'container' && service.run.containerPort !== null) &&
    !context.keysAt(['services', name, 'run']).includes('port')
  ) {
    yield {
      at: ['run'],
      key: 'health',
      code: 'HEALTH_WITHOUT_PORT',
      message: '`health` is never asked: the service has no `port`',
      hint: 'name the variable in which an instance is told its port: `port: PORT`',
    }
  }
  if (service.run.port !== null && Object.hasOwn(service.env, service.run.port)) {
    yield {
      at: ['env'],
      key: service.run.port,
      code: 'PORT_SET_TWICE',
      message: `\`${service.run.port}\` is the port that Trunkline gives each instance (\`run.port\`): it cannot be set here`,
    }
  }
}

function* inputMistakes(
  name: string,
  service: ServiceDocument,
  { pathExists, keysAt }: CheckContext,
): Iterable<ServiceMistake> {
  const written = keysAt(['services', name])
  const hasInputs = written.some((key) => isMisspelt(key, 'path') || isMisspelt(key, 'inputs'))
  if (!hasInputs && !keysAt(['services', name, 'artifact']).includes('of')) {
    yield {
      at: [],
      code: 'NO_INPUTS',
      message: `service \`${name}\` has neither \`path\` nor \`inputs\`: no change would ever rebuild it`,
      hint: `for example \`path: services/${name}\``,
    }
  }
  if (pathExists === null) return
  if (service.path !== undefined && service.path !== '' && !pathExists(service.path))
    yield notFound(service.path, ['path'])
  for (const [index, input] of service.inputs.entries()) {
    if (input.keys !== undefined && !pathExists(input.pattern)) yield notFound(input.pattern, ['inputs', index, 'file'])
  }
}

const notFound = (path: string, at: Array<string | number>): ServiceMistake => ({
  at,
  code: 'PATH_NOT_FOUND',
  message: `\`${path}\` is not in the repository`,
})

function* buildMistakes(name: string, { build }: ServiceDocument, { keysAt }: CheckContext): Iterable<ServiceMistake> {
  if (build === undefined || build.run !== null || build.esbuild !== undefined) return
  const isMeant = (key: string) => isMisspelt(key, 'run') || isMisspelt(key, 'esbuild') || key === 'esbuild'
  if (keysAt(['services', name, 'build']).some(isMeant)) return
  yield { at: ['build'], code: 'MISSING_KEY', message: '`build` builds nothing: it needs `run` or `esbuild`' }
}

function* artifactMistakes({ artifact, build }: ServiceDocument): Iterable<ServiceMistake> {
  if (artifact?.kind !== 'of' || build === undefined) return
  yield {
    at: [],
    key: 'build',
    code: 'BUILD_NEVER_RUNS',
    message: `\`build\` never runs: the service runs the artifact of \`${artifact.service}\` (\`artifact.of\`)`,
  }
}
