import { usageError } from '../../model/index.ts'

/** Where a repository is: `registry.example/shop/carts`. */
export type RepositoryReference = {
  /** As people wrote it: credentials are filed under it. */
  host: string
  /** `https://registry.example`, without trailing slash. */
  origin: string
  /** `shop/carts` */
  name: string
}

/** Grammar of the OCI distribution specification, section "Pulling manifests". */
const namePattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/
const hostPattern = /^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::\d{1,5})?$/
const localPattern = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/
const dockerHubHosts = ['docker.io', 'index.docker.io', 'registry-1.docker.io']

/**
 * Reads `host[:port]/name`. Plain http only where `insecure` says so or the host is this machine, as Docker does.
 * Usage error `REGISTRY_REFERENCE` where it is no repository.
 */
export function parseRepository(repository: string, insecure: boolean): RepositoryReference {
  const slash = repository.indexOf('/')
  const host = repository.slice(0, slash)
  const name = repository.slice(slash + 1)
  if (slash === -1 || !hostPattern.test(host) || !namePattern.test(name)) {
    throw usageError('REGISTRY_REFERENCE', `${JSON.stringify(repository)} is not a registry repository`, {
      hint: 'write artifacts: oci://registry.example/shop, in lower case, without a tag',
    })
  }
  if (dockerHubHosts.includes(host)) {
    return {
      host: 'docker.io',
      origin: 'https://registry-1.docker.io',
      name: name.includes('/') ? name : `library/${name}`,
    }
  }
  const scheme = insecure || localPattern.test(host) ? 'http' : 'https'
  return { host, origin: `${scheme}://${host}`, name }
}
