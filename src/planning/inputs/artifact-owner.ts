import type { Project, ServiceName } from '../../model/index.ts'

/** The service whose artifact this one runs: itself, or where `of` leads. */
export function ownerOf(project: Project, name: ServiceName): ServiceName {
  const passed = new Set<ServiceName>()
  for (let owner = name; !passed.has(owner); ) {
    const artifact = project.services[owner]?.artifact
    if (artifact?.kind !== 'of') return owner
    passed.add(owner)
    owner = artifact.service
  }
  throw new Error(`the artifacts of ${name} run in a circle`) // configuration refuses this
}
