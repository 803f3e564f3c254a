/** `plan`: what would be built and why, and where it would go. */
import {
  type Plan,
  type PlannedDeploy,
  type PlannedEnvironment,
  type PlannedService,
  short,
} from '../../../model/index.ts'
import { count, createPen, type Line, type Pen, paint, type Span, type Style, spaced, table } from '../text/index.ts'
import { previewPart } from './preview-part.ts'
import { hintSpans, nextStep, reasonLines } from './reasons.ts'

export type PlanPageOptions = {
  /** Every reason with its evidence, unchanged services, and the steps. */ verbose?: boolean
}

export function renderPlan(plan: Plan, style: Style, options: PlanPageOptions = {}): string[] {
  const pen = createPen(style)
  const verbose = options.verbose ?? false
  return paint(
    [
      heading(plan, pen),
      [],
      ...servicesPart(plan.services, pen, verbose),
      ...environmentsPart(plan.environments, pen, verbose),
      ...(verbose ? stepsPart(plan, pen) : []),
      closing(plan, pen),
    ],
    style,
  )
}

const heading = (plan: Plan, pen: Pen): Line =>
  spaced(
    pen.strong('Plan'),
    pen.dim('for commit'),
    pen.accent(short(plan.commit)),
    pen.dim(plan.ref === null ? '' : `on ${plan.ref}`),
  )

function servicesPart(services: readonly PlannedService[], pen: Pen, verbose: boolean): Line[] {
  if (services.length === 0) return []
  const inOrder = [...services].sort(
    (left, right) => Number(right.action === 'build') - Number(left.action === 'build'),
  )
  const nameWidth = Math.max(...services.map((service) => service.name.length))
  return [
    [pen.strong('Services')],
    ...inOrder.flatMap((service) => {
      const isBuilt = service.action === 'build'
      const lead = [isBuilt ? pen.warn('build') : pen.dim('reuse'), pen.strong(service.name.padEnd(nameWidth))]
      const most = verbose ? Number.POSITIVE_INFINITY : isBuilt ? 3 : 1
      return beside(lead, service.reasons, pen, { most, evidence: verbose || isBuilt })
    }),
    [],
  ]
}

/** Reasons in a column beside what they explain; below it where the screen is too narrow for that. */
function beside(
  lead: readonly Span[],
  reasons: PlannedService['reasons'],
  pen: Pen,
  options: { most: number; evidence: boolean },
): Line[] {
  const first = spaced(pen.plain(' '), ...lead)
  const indent = first.reduce((sum, span) => sum + span.text.length, 0) + 2
  const isNarrow = pen.style.width - indent < 32
  const lines = reasonLines(reasons, pen, { ...options, indent: isNarrow ? 4 : indent })
  const [head, ...rest] = lines
  if (head === undefined) return [first]
  if (isNarrow) return [first, ...lines]
  // The head line brings its own indent: its room is taken by the lead.
  return [[...first, pen.plain('  '), ...head.slice(1)], ...rest]
}

function environmentsPart(environments: readonly PlannedEnvironment[], pen: Pen, verbose: boolean): Line[] {
  if (environments.length === 0) return []
  const nameWidth = Math.max(...environments.map((environment) => environment.name.length))
  return [
    [pen.strong('Environments')],
    ...environments.flatMap((environment) => [
      ...beside(
        [actionWord(environment, pen), pen.strong(environment.name.padEnd(nameWidth))],
        environment.reasons,
        pen,
        {
          most: verbose ? Number.POSITIVE_INFINITY : 2,
          evidence: verbose,
        },
      ),
      ...deploysPart(environment.services, pen, verbose),
      ...nextPart(environment, pen),
    ]),
    [],
  ]
}

const actionWords = { deploy: 'deploy', wait: 'wait  ', refuse: 'refuse', none: 'none  ' } as const

function actionWord(environment: PlannedEnvironment, pen: Pen): Span {
  const word = actionWords[environment.action]
  if (environment.action === 'deploy') return pen.good(word)
  if (environment.action === 'wait') return pen.warn(word)
  return environment.action === 'refuse' ? pen.bad(word) : pen.dim(word)
}

function deploysPart(deploys: readonly PlannedDeploy[], pen: Pen, verbose: boolean): Line[] {
  const touched = deploys.filter((deploy) => deploy.action !== 'none')
  const untouched = deploys.filter((deploy) => deploy.action === 'none')
  const rows = (verbose ? deploys : touched).map((deploy): Line[] => [
    [deploy.action === 'remove' ? pen.bad('remove') : pen.dim(deploy.action === 'none' ? 'keep' : 'roll')],
    [pen.plain(deploy.name)],
    change(deploy, pen),
    [pen.dim(whyDeployed(deploy, verbose))],
  ])
  const lines = [
    ...table(rows, pen.style, { indent: 4 }),
    ...touched.flatMap((deploy) => previewPart(deploy, pen, verbose)),
  ]
  if (verbose || untouched.length === 0) return lines
  return [...lines, [pen.plain('    '), pen.dim(`${count(untouched.length, 'service')} unchanged`)]]
}

/** From which bytes to which stands beside it already. */
const whyDeployed = ({ reasons }: PlannedDeploy, verbose: boolean): string =>
  reasons
    .filter(({ code }) => verbose || code !== 'artifact-changed')
    .map((reason) => reason.message)
    .join('; ')

/** From which bytes to which; `new` where they are yet to be built. */
export function change(deploy: Pick<PlannedDeploy, 'from' | 'to' | 'action'>, pen: Pen): Line {
  const from = deploy.from === null ? 'nothing' : short(deploy.from)
  if (deploy.action === 'none') return [pen.dim(from)]
  const to = deploy.action === 'remove' ? 'nothing' : deploy.to === null ? 'new' : short(deploy.to)
  return spaced(pen.dim(from), pen.dim(pen.symbols.arrow), pen.plain(to))
}

/** An approval can be given as soon as there is a plan to approve. */
function nextPart(environment: PlannedEnvironment, pen: Pen): Line[] {
  if (environment.action !== 'wait' || environment.reasons.some((reason) => reason.hint !== undefined)) return []
  const next = environment.plan === null ? null : nextStep(environment.name, 'waiting', environment.reasons)
  return next === null ? [] : [[pen.plain('    '), ...hintSpans(next, pen)]]
}

function stepsPart(plan: Plan, pen: Pen): Line[] {
  if (plan.steps.length === 0) return []
  const rows = plan.steps.map((step): Line[] => [
    [pen.dim(step.kind)],
    [pen.plain(step.id)],
    [pen.dim(step.needs.length === 0 ? '' : `after ${step.needs.join(', ')}`)],
  ])
  return [[pen.strong('Steps')], ...table(rows, pen.style, { indent: 2, wrapLast: true }), []]
}

function closing(plan: Plan, pen: Pen): Line {
  const built = plan.services.filter((service) => service.action === 'build').length
  const deploys = plan.environments.filter((environment) => environment.action === 'deploy').length
  return spaced(
    pen.plain(`${built} to build, ${plan.services.length - built} to reuse,`),
    pen.plain(`${count(deploys, 'environment')} to deploy`),
    pen.dim(`${pen.symbols.dot} plan ${short(plan.hash)}`),
  )
}
