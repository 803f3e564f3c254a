/** What stands between this machine, this repository and a good delivery: each examined by itself, none stops the next. */
import type { Invocation } from '../cli/command.ts'
import { type Context, nobodyWatches, withContext } from '../cli/context.ts'
import { examineEnvironment } from './environment.ts'
import { bad, type Finding } from './finding.ts'
import { examineProject, examineProjectFile } from './project.ts'
import { examineGit, examineImageBuilder, examineTools } from './tools.ts'
import { examineBuilds } from './workplace.ts'

export type { Finding } from './finding.ts'

/** Remotes and targets get this long together: a doctor must not hang with the patient. */
const reachTimeoutMs = 20_000

export async function examine(invocation: Invocation): Promise<Finding[]> {
  const findings: Finding[] = [
    { about: 'node', verdict: 'good', message: `Node ${process.versions.node}` },
    await examineGit(invocation),
  ]
  const inside = withContext(invocation, nobodyWatches, (context) => examineRepository(invocation, context))
  return [...findings, ...(await inside.catch((error: unknown) => [bad('repository', error)]))]
}

async function examineRepository(invocation: Invocation, context: Context): Promise<Finding[]> {
  const findings = await examineProjectFile(context.source.local)
  const place = await context.onTrunk().catch((error: unknown) => bad('project', error))
  if ('verdict' in place) return [...findings, place]
  const { engine, scene } = place
  const signal = AbortSignal.any([invocation.signal, AbortSignal.timeout(reachTimeoutMs)])
  findings.push(...(await examineProject(engine, scene, signal)))
  findings.push(...(await examineTools(invocation, scene.project)))
  findings.push(...(await examineImageBuilder(invocation, scene.project)))
  const root = context.source.local.root ?? process.cwd()
  findings.push(...(await examineBuilds(engine, scene.project, root, signal)))
  const environments = Object.keys(scene.project.environments)
  const examined = await Promise.all(environments.map((name) => examineEnvironment(engine, scene, name, signal)))
  return [...findings, ...examined.flat()]
}
