/** For `doctor`: whether the place where checks and builds run would take them. Starts none. */
import { digestOfBytes } from '../artifacts/digest.ts'
import type { BuildEnvironment, CommitId, Project, WorkplaceConfig } from '../model/index.ts'
import type { Examined } from '../ports/index.ts'
import { openWorkplace, type WorkplaceSurroundings } from './index.ts'
import type { Assignment } from './workplace.ts'

export async function examineWorkplace(
  project: Project,
  on: WorkplaceConfig,
  surroundings: Pick<WorkplaceSurroundings, 'root' | 'variables' | 'clock'>,
  signal: AbortSignal,
): Promise<Examined[]> {
  const aws = project.aws ?? null
  const workplace = await openWorkplace(on, { ...surroundings, project: project.name, aws })
  try {
    return await workplace.examine(sampleOf(project), signal)
  } finally {
    await workplace.close()
  }
}

/** An order that is like those of the project in what the place must give it. */
function sampleOf(project: Project): Assignment {
  const services = Object.keys(project.services)
  const order = digestOfBytes(Buffer.from('looked at by doctor'))
  const ticket = {
    ...({ version: 1, order, commit: '0'.repeat(40) as CommitId, services } as const), // As long as those of git.
    ...{ store: project.artifacts, aws: project.aws ?? null },
  }
  const variables = Object.fromEntries(passedNames(project).map((name) => [name, '']))
  return {
    ...{ order, ticket, variables, title: 'doctor', project: project.name, service: services[0] ?? 'none' },
    timeoutMs: 60_000,
  }
}

/** Names of what any check or build is passed of the variables of whoever delivers. */
function passedNames({ prepare, services }: Project): string[] {
  const passed = (env: BuildEnvironment | undefined) => env?.pass ?? []
  const names = Object.values(services).flatMap(({ checks, build, artifact }) => [
    ...Object.values(checks).flatMap(({ env }) => env.pass),
    ...passed(build?.env),
    ...(artifact.kind === 'dockerfile' ? Object.values(artifact.secrets).map(({ from }) => from) : []),
  ])
  return [...new Set([...passed(prepare?.env), ...names])].sort()
}
