/** One environment as this machine would deliver to it: its variables and its targets. */
import type { Engine, Scene } from '../delivery/index.ts'
import { minSecretLength, unmaskableSecrets } from '../masking/index.ts'
import type { EnvironmentPolicy, EnvironmentVariable } from '../model/index.ts'
import type { Target } from '../ports/index.ts'
import { examineAws } from './aws.ts'
import { bad, type Finding } from './finding.ts'

export async function examineEnvironment(
  engine: Engine,
  scene: Scene,
  name: string,
  signal: AbortSignal,
): Promise<Finding[]> {
  const { policyOf } = await import('../delivery/index.ts')
  const policy = policyOf(scene.project, name)
  if (policy === null) return []
  const targets = Object.keys(policy.targets).map((target) => examineTarget(engine, scene, policy, target, signal))
  const { examineHosts } = await import('./hosts.ts')
  const hosts = examineHosts(policy, signal)
  const reached = examineAws(aboutOf(policy), policy.aws, {
    world: engine.world,
    user: `${scene.project.name}/${policy.name}`,
    signal,
  })
  const found = (await Promise.all(targets)).flat()
  return [...(await reached), ...(await examineVariables(engine, scene, policy, signal)), ...(await hosts), ...found]
}

async function examineVariables(
  { world }: Engine,
  { project }: Scene,
  policy: EnvironmentPolicy,
  signal: AbortSignal,
): Promise<Finding[]> {
  const about = aboutOf(policy)
  try {
    const available = await world.variables.read(policy.variables, signal)
    const declared = Object.values(project.services).flatMap((service) => Object.values(service.env))
    const own = (name: string) => `${policy.variables.prefix ?? ''}${name}`
    return [
      ...examineMissing(policy, declared, available, own),
      ...examineShortSecrets(policy, declared, available, own),
    ]
  } catch (error) {
    return [bad(about, error)]
  }
}

type Declared = readonly EnvironmentVariable[]
type Available = ReadonlyMap<string, string>

function examineMissing(
  policy: EnvironmentPolicy,
  declared: Declared,
  available: Available,
  own: (name: string) => string,
): Finding[] {
  const wanted = declared.flatMap((variable) =>
    variable.kind === 'from' && variable.default === null && !available.has(variable.from) ? [variable.from] : [],
  )
  if (wanted.length === 0) return []
  const names = [...new Set(wanted)].map(own)
  const hint = `a delivery to ${policy.name} from this machine needs them`
  return [{ about: aboutOf(policy), verdict: 'note', message: `not set here: ${names.join(', ')}`, hint }]
}

/** By name alone: what is too short to hide would stand here in full. */
function examineShortSecrets(
  policy: EnvironmentPolicy,
  declared: Declared,
  available: Available,
  own: (name: string) => string,
): Finding[] {
  const short = declared.flatMap((variable) => {
    if (variable.kind !== 'from' || !variable.secret) return []
    return unmaskableSecrets([available.get(variable.from) ?? '']).length > 0 ? [variable.from] : []
  })
  if (short.length === 0) return []
  const message = `secrets that are not masked in output and logs: ${[...new Set(short)].map(own).join(', ')}`
  const hint = `shorter than ${minSecretLength} characters, or a word that any output contains: take longer ones`
  return [{ about: aboutOf(policy), verdict: 'note', message, hint }]
}

async function examineTarget(
  { world }: Engine,
  { project }: Scene,
  policy: EnvironmentPolicy,
  name: string,
  signal: AbortSignal,
): Promise<Finding[]> {
  const about = aboutOf(policy)
  try {
    const target = await world.target(policy, name)
    // Without a right the target may not even be looked at: what is missing comes first.
    const examined = (await target.examine?.(Object.keys(project.services), signal)) ?? []
    const needs = examined.map(
      ({ isWell, message, hint }): Finding => ({
        ...{ about, verdict: isWell ? 'good' : 'bad', message: `target ${name}: ${message}` },
        ...(hint === undefined ? {} : { hint }),
      }),
    )
    return [...needs, await answers(target, { about, name, services: Object.keys(project.services) }, signal)]
  } catch (error) {
    return [bad(about, error)]
  }
}

async function answers(
  target: Target,
  { about, name, services }: { about: string; name: string; services: readonly string[] },
  signal: AbortSignal,
): Promise<Finding> {
  try {
    const observation = await target.observe(services, signal)
    if (!observation.reachable) {
      return { about, verdict: 'bad', message: observation.reasons.map((reason) => reason.message).join('; ') }
    }
    const { fencing } = target.capabilities
    const message = `target ${name} (${target.kind}) answers; a stale controller is fenced off: ${fencing}`
    return { about, verdict: 'good', message }
  } catch (error) {
    return bad(about, error)
  }
}

const aboutOf = (policy: EnvironmentPolicy): string => `environment ${policy.name}`
