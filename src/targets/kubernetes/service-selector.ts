/** Which objects of a project's environment belong to some of its services. */
import { labels, type Place } from './names.ts'

/** More are asked for with all others: a selector has a longest length. */
const maxNamed = 20

/** `services` null: all of them. */
export function servicesSelector({ project, environment }: Place, services: readonly string[] | null): string {
  const all = `${labels.project}=${project},${labels.environment}=${environment}`
  return services === null || services.length > maxNamed ? all : `${all},${labels.service} in (${services.join(',')})`
}
