/** For `trunkline doctor`: a distribution that shows the site, and nothing that it should not. */
import { type ServiceName, TrunklineError } from '../../model/index.ts'
import type { Examined } from '../../ports/index.ts'
import { readFront } from './distribution.ts'
import { type Parts, saySite, siteOf } from './parts.ts'

export async function examineSites(
  parts: Parts,
  services: readonly ServiceName[],
  signal: AbortSignal,
): Promise<Examined[]> {
  return (await Promise.all(services.map((service) => examine(parts, service, signal)))).flat()
}

async function examine(parts: Parts, service: ServiceName, signal: AbortSignal): Promise<Examined[]> {
  const site = siteOf(parts, service)
  try {
    const { id, distribution } = await readFront(parts, site, signal)
    const { DefaultRootObject, Enabled } = distribution.DistributionConfig ?? {}
    return [
      { isWell: true, message: `the distribution ${id} shows ${saySite(site)}` },
      ...(Enabled === false ? [{ isWell: false, message: `the distribution ${id} is disabled` }] : []),
      ...(DefaultRootObject ? [] : [{ isWell: false, ...withoutRoot(id) }]),
    ]
  } catch (error) {
    if (!(error instanceof TrunklineError) || error.kind !== 'refused') throw error
    return [{ isWell: false, message: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) }]
  }
}

const withoutRoot = (id: string) => ({
  message: `the distribution ${id} has no default root object: \`/\` shows nothing`,
  hint: 'set it to `index.html`',
})
