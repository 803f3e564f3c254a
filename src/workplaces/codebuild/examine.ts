/** For `doctor`: whether a CodeBuild project would carry out orders, as far as it says. */
import { BatchGetProjectsCommand, CodeBuildClient, type ProjectEnvironment } from '@aws-sdk/client-codebuild'
import type { Aws } from '../../aws/index.ts'
import type { CodeBuildWorkplace } from '../../model/index.ts'
import type { Examined } from '../../ports/index.ts'
import type { Assignment } from '../workplace.ts'
import { findBuilds, missingVariables } from './builds.ts'

const hint = 'docs/building-elsewhere.md says what it must have'

export async function examineProject(
  aws: Aws,
  place: CodeBuildWorkplace,
  sample: Assignment,
  signal: AbortSignal,
): Promise<Examined[]> {
  const command = new BatchGetProjectsCommand({ names: [place.project] })
  const { projects = [] } = await aws.send(aws.client(CodeBuildClient), command, { signal })
  const [project] = projects
  if (project === undefined) {
    return [{ isWell: false, message: `there is no CodeBuild project ${place.project} in ${aws.region}`, hint }]
  }
  // A right that every order takes.
  await findBuilds(aws, place.project, sample.order, signal)
  const amiss = [
    ...platformMistakes(project.environment, place),
    ...imageMistakes(project.environment, place),
    ...variableMistakes(missingVariables(project, Object.keys(sample.variables))),
  ]
  if (amiss.length > 0) return amiss.map((each) => ({ isWell: false, hint, ...each }))
  const image = place.image ?? project.environment?.image ?? 'no image'
  const privileged =
    project.environment?.privilegedMode === true ? '' : ', not privileged: Dockerfiles need buildah in it'
  const message = `the CodeBuild project ${place.project} in ${aws.region} is there, and runs ${image}${privileged}`
  return [{ isWell: true, message }]
}

type Amiss = { message: string; hint?: string }

function platformMistakes(environment: ProjectEnvironment | undefined, place: CodeBuildWorkplace): Amiss[] {
  const type = environment?.type ?? ''
  const platform = type.startsWith('ARM_') ? 'linux/arm64' : type.startsWith('LINUX_') ? 'linux/x64' : type
  if (platform === place.platform) return []
  const message = `the CodeBuild project ${place.project} is ${platform}, and \`platform\` under builds.on says ${place.platform}`
  return [{ message, hint: `say \`platform: ${platform}\`, or name another project` }]
}

/** Those that AWS keeps for everyone have no Trunkline in them. */
function imageMistakes(environment: ProjectEnvironment | undefined, place: CodeBuildWorkplace): Amiss[] {
  const image = place.image ?? environment?.image ?? ''
  if (!image.startsWith('aws/codebuild/')) return []
  return [{ message: `builds would run ${image}, in which there is no Trunkline: name an \`image\` of yours` }]
}

function variableMistakes(missing: readonly string[]): Amiss[] {
  if (missing.length === 0) return []
  return [
    {
      message: `builds are passed ${missing.join(', ')}, which the CodeBuild project does not have`,
      hint: 'give them to it as SECRETS_MANAGER or PARAMETER_STORE: a build’s own variables can be read by others',
    },
  ]
}
