/** Where checks and builds run, when that is elsewhere. */
import type { Engine } from '../delivery/index.ts'
import type { Project } from '../model/index.ts'
import { examineAws } from './aws.ts'
import { bad, type Finding } from './finding.ts'

const about = 'builds'

/** Nothing to say where they run on this machine. `root`: what relative paths of the configuration start from. */
export async function examineBuilds(
  { world }: Pick<Engine, 'world'>,
  project: Project,
  root: string,
  signal: AbortSignal,
): Promise<Finding[]> {
  const { on } = project.builds
  if (on === null) return []
  const { environment: variables, clock } = world
  const reached =
    on.kind === 'codebuild' ? await examineAws(about, project.aws, { world, user: project.name, signal }) : []
  try {
    const { examineWorkplace } = await import('../workplaces/examine.ts')
    const examined = await examineWorkplace(project, on, { root, variables, clock }, signal)
    return [
      ...reached,
      ...examined.map(
        ({ isWell, message, hint }): Finding => ({
          ...{ about, verdict: isWell ? 'good' : 'bad', message },
          ...(hint === undefined ? {} : { hint }),
        }),
      ),
    ]
  } catch (error) {
    return [...reached, bad(about, error)]
  }
}
