/** `node probe.js <url> <release>`: ends well once that release answers there, badly where it does not come. */
import { pathToFileURL } from 'node:url'

const patienceMs = 30_000
const pauseMs = 200

/** What is wrong, or null. */
export async function probe(url: string, release: string, limitMs = patienceMs): Promise<string | null> {
  const end = performance.now() + limitMs
  let wrong = 'nothing was asked'
  while (performance.now() < end) {
    wrong = await look(url, release)
    if (wrong === '') return null
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }
  return wrong
}

async function look(url: string, release: string): Promise<string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) })
    const health: unknown = response.ok ? await response.json() : null
    if (typeof health !== 'object' || health === null) return `${url} answers ${response.status}`
    const seen = 'release' in health ? health.release : undefined
    return seen === release ? '' : `${url} is release ${String(seen)}, not ${release}`
  } catch (error) {
    return `${url} does not answer: ${String(error)}`
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [, , url = '', release = ''] = process.argv
  const wrong = await probe(url, release)
  console.log(wrong ?? `${url} is release ${release}`)
  process.exitCode = wrong === null ? 0 : 1
}
