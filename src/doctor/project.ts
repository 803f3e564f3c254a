/** The project: its file here, its state and policy at the remote, and who is trusted. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { projectFile } from '../cli/project-file.ts'
import type { Engine, Scene } from '../delivery/index.ts'
import { fileState, type LocalRepository } from '../git/index.ts'
import type { Problem, Project } from '../model/index.ts'
import { examineAws } from './aws.ts'
import { bad, type Finding } from './finding.ts'
import { examineTrust } from './trust.ts'

/** The file as it stands in the working tree: what a person is about to commit. */
export async function examineProjectFile(local: LocalRepository): Promise<Finding[]> {
  const { root } = local
  const configuration = await fileState(local, projectFile)
  if (root === null || configuration === 'absent' || configuration === 'deleted') return []
  const { parseProject } = await import('../config/parse-project.ts')
  const parsed = parseProject({ text: await readFile(join(root, projectFile), 'utf8'), file: projectFile })
  if ('problems' in parsed) return parsed.problems.map(findingOf)
  const services = counted(Object.keys(parsed.project.services).length, 'service')
  const environments = counted(Object.keys(parsed.project.environments).length, 'environment')
  const right: Finding = {
    about: 'configuration',
    verdict: 'good',
    message: `${projectFile} is right: ${services}, ${environments}`,
  }
  if (configuration === 'committed') return [right]
  const how = configuration === 'untracked' ? 'not committed' : 'not what is committed'
  const message = `${projectFile} in your working tree is ${how}`
  return [right, { about: 'configuration', verdict: 'note', message, hint: 'only what is committed counts' }]
}

function findingOf({ location, message, hint }: Problem): Finding {
  const place = `${location?.file ?? projectFile}:${location?.line ?? 1}:${location?.column ?? 1}`
  return {
    about: 'configuration',
    verdict: 'bad',
    message: `${place} ${message}`,
    ...(hint === undefined ? {} : { hint }),
  }
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

export async function examineProject(engine: Engine, scene: Scene, signal: AbortSignal): Promise<Finding[]> {
  const { world } = engine
  const { actor, artifacts } = world
  return [
    { about: 'you', verdict: 'good', message: `history will name you ${actor.name} <${actor.email}>` },
    await examineState(engine, signal),
    ...examinePolicy(scene),
    { about: 'artifacts', verdict: 'good', message: artifacts.location },
    ...(await examineAws('artifacts', inAws(scene.project), { world, user: scene.project.name, signal })),
    ...(await examineTrust(engine, scene, signal)),
  ]
}

/** Where artifacts are kept in AWS, the project's own access to it counts. */
const inAws = ({ artifacts, aws }: Project) => (artifacts.kind === 's3' ? aws : undefined)

async function examineState({ world, ledger }: Engine, signal: AbortSignal): Promise<Finding> {
  try {
    const { size } = await ledger.refresh(signal)
    const message = `${world.state.location} is reachable: ${counted(size, 'ref')} under ${ledger.refs.all}`
    return { about: 'state', verdict: 'good', message }
  } catch (error) {
    return bad('state', error)
  }
}

function examinePolicy({ project, trunk, ignored }: Scene): Finding[] {
  const findings = ignored.map(({ message }): Finding => ({ about: 'policy', verdict: 'note', message }))
  if (trunk !== null) return findings
  const message = `${project.trunk} does not exist at the remote: this commit's own policy counts`
  return [{ about: 'policy', verdict: 'note', message, hint: `git push origin ${project.trunk}` }, ...findings]
}
