/** What `trunkline doctor` says of the place where builds run. */
import type { Finding } from '../../src/doctor/index.ts'
import type { ProjectUnderTest } from '../system/project-under-test.ts'

/** The last is what counts: before it stands who AWS is reached as. */
export async function buildsAsDoctorSees(project: ProjectUnderTest, exitCode: 0 | 1): Promise<Finding[]> {
  const { findings } = await project.json<{ findings: Finding[] }>(exitCode, ['doctor'])
  return findings.filter(({ about }) => about === 'builds')
}
