/** `status`: what runs where, and how it is. */
import { type PassedStage, short } from '../../../model/index.ts'
import {
  createPen,
  formatElapsed,
  formatRelative,
  type Line,
  type Pen,
  paint,
  type Span,
  type Style,
  spaced,
  table,
} from '../text/index.ts'
import type { EnvironmentStatus, ServiceStatus, StatusDocument } from '../types.ts'
import { hintSpans, nextStep, reasonLines } from './reasons.ts'

export type StatusPageOptions = {
  nowMs: number /** With services, their artifacts, instances and addresses. */
  services?: boolean
}

export function renderStatus(status: StatusDocument, style: Style, options: StatusPageOptions): string[] {
  const pen = createPen(style)
  if (status.environments.length === 0) return paint([[pen.dim('no environments')]], style)
  if (options.services !== true) return paint(overview(status, pen, options.nowMs), style)
  return paint(
    status.environments.flatMap((environment, index) => [
      ...(index === 0 ? [] : [[]]),
      [pen.strong(environment.name), pen.plain('  '), ...summary(environment, pen, options.nowMs)],
      ...remarks(environment, pen, options.nowMs),
      ...table(
        environment.services.flatMap((service) => serviceRows(service, pen)),
        style,
        { indent: 2 },
      ),
      ...environment.services.flatMap((service) => whyShort(service, pen)),
    ]),
    style,
  )
}

function overview(status: StatusDocument, pen: Pen, nowMs: number): Line[] {
  const rows = status.environments.map((environment): Line[] => [
    [pen.strong(environment.name)],
    [pen.plain(environment.version ?? 'nothing')],
    [health(environment, pen)],
    [pen.plain(readiness(environment.services))],
    [pen.dim(environment.commit === null ? '' : short(environment.commit))],
    [pen.dim(environment.since === null ? '' : formatRelative(environment.since, nowMs))],
  ])
  const header = ['environment', 'version', 'health', 'instances', 'commit', 'since'].map((title) => [pen.dim(title)])
  const notes = status.environments.flatMap((environment) => {
    const lines = remarks(environment, pen, nowMs)
    return lines.length === 0 ? [] : [[], [pen.strong(environment.name)], ...lines]
  })
  return [...table([header, ...rows], pen.style), ...notes]
}

const summary = (environment: EnvironmentStatus, pen: Pen, nowMs: number): Line =>
  spaced(
    pen.plain(environment.version ?? 'nothing runs here'),
    environment.version === null ? pen.plain('') : health(environment, pen),
    pen.dim(environment.commit === null ? '' : short(environment.commit)),
    pen.dim(environment.since === null ? '' : formatRelative(environment.since, nowMs)),
  )

function health(environment: EnvironmentStatus, pen: Pen): Span {
  if (environment.health === 'healthy') return pen.good('healthy')
  if (environment.health === 'unknown') return pen.warn('unknown')
  return environment.health === 'degraded' ? pen.bad('degraded') : pen.dim('-')
}

function readiness(services: readonly ServiceStatus[]): string {
  const known = services.flatMap((service) => (service.instances === null ? [] : [service.instances]))
  if (known.length === 0) return services.length === 0 ? '-' : 'unknown'
  const sum = (side: 'ready' | 'desired') => known.reduce((total, instances) => total + instances[side], 0)
  return `${sum('ready')}/${sum('desired')}`
}

/** All that is out of the ordinary, each with what can be done about it. */
function remarks(environment: EnvironmentStatus, pen: Pen, nowMs: number): Line[] {
  const { name, held, waiting, deployment, lastFailure } = environment
  const lines: Line[] = []
  const indent = 4
  lines.push(...reasonLines(environment.reasons, pen, { indent: 2, evidence: false }))
  if (environment.yanked) {
    lines.push([pen.bad('  what runs here has been yanked')])
    lines.push([pen.plain('    '), ...hintSpans(`trunkline rollback ${name}`, pen)])
  }
  if (deployment !== null) {
    const elapsed = formatElapsed(nowMs - Date.parse(deployment.startedAt))
    lines.push([pen.accent('  deploying '), pen.plain(deployment.version), pen.dim(` for ${elapsed}`)])
    for (const stage of deployment.stages ?? [])
      lines.push([pen.plain(`    ${stage.service} `), pen.dim(stageNow(stage))])
  }
  if (held !== null) {
    lines.push([pen.warn('  held'), pen.plain(` by ${held.actor.name} `), pen.dim(formatRelative(held.at, nowMs))])
    lines.push(...reasonLines(held.reasons, pen, { indent, evidence: false }))
    lines.push([pen.plain('    '), ...hintSpans(`trunkline resume ${name}`, pen)])
  }
  if (waiting !== null) {
    const since = pen.dim(` ${formatRelative(waiting.since, nowMs)}`)
    lines.push([pen.warn('  waiting '), pen.plain(waiting.version), since])
    lines.push(...reasonLines(waiting.reasons, pen, { indent, evidence: false, hints: false }))
    const next = nextStep(name, 'waiting', waiting.reasons)
    if (next !== null) lines.push([pen.plain('    '), ...hintSpans(next, pen)])
  }
  if (lastFailure !== null) lines.push(...failure(lastFailure, pen, nowMs))
  return lines
}

/** The stage that runs is the one after the last that has passed. */
const stageNow = ({ step, of, next }: PassedStage): string =>
  next === null ? `passed all ${of} stages` : `in stage ${step + 1} of ${of}: to ${next} % of new requests`

/** `failed v1.2.0 3 min ago, rolled back to v1.1.1`, and why. */
function failure(
  { kind, version, at, reasons, rolledBackTo }: NonNullable<EnvironmentStatus['lastFailure']>,
  pen: Pen,
  nowMs: number,
): Line[] {
  const when = pen.dim(` ${formatRelative(at, nowMs)}`)
  const back = rolledBackTo === null ? [] : [pen.dim(', '), pen.plain(`rolled back to ${rolledBackTo.version}`)]
  return [
    [pen.bad(`  ${kind} `), pen.plain(version), when, ...back],
    ...reasonLines(reasons, pen, { indent: 4, most: 2, evidence: false }),
  ]
}

/** What its platform says of a service that is not whole. */
function whyShort({ name, instances, detail }: ServiceStatus, pen: Pen): Line[] {
  if (detail === undefined || (instances !== null && instances.ready >= instances.desired)) return []
  return [[pen.warn(`  ${name}: `), pen.plain(detail)]]
}

/** The service, and under it each of its hosts where it runs on several. */
function serviceRows(service: ServiceStatus, pen: Pen): Line[][] {
  const hosts = (service.hosts ?? []).map(({ name, instances, url }): Line[] => [
    [pen.dim(`  ${name}`)],
    instanceDots(instances, pen),
    [],
    [pen.dim(url ?? '')],
  ])
  return [serviceRow(service, pen), ...hosts]
}

function serviceRow(service: ServiceStatus, pen: Pen): Line[] {
  return [
    [pen.plain(service.name)],
    [
      ...instanceDots(service.instances, pen),
      ...(service.newSet === undefined ? [] : [pen.warn(` ${service.newSet.weight} % to the new`)]),
    ],
    [pen.dim(short(service.artifact))],
    [pen.accent(service.url ?? '')],
  ]
}

/** `2/2 ●●`; beyond eight instances the figures alone. */
export function instanceDots(instances: { ready: number; desired: number } | null, pen: Pen): Line {
  if (instances === null) return [pen.dim('unknown')]
  const { ready, desired } = instances
  const figures = `${ready}/${desired}`
  if (desired === 0) return [pen.dim(figures)]
  const isWhole = ready >= desired
  const lit = Math.min(ready, desired)
  const dots =
    desired > 8
      ? []
      : [pen.plain(' '), pen.good(pen.symbols.ready.repeat(lit)), pen.dim(pen.symbols.absent.repeat(desired - lit))]
  return [isWhole ? pen.plain(figures) : pen.warn(figures), ...dots]
}
