/** One input, judged. */
import { TrunklineError } from '../../src/model/index.ts'
import { type Input, type Kind, promise } from './target.ts'

/** null: it ended as it must. Else what went wrong, in a form that is the same for the same bug. */
export type Verdict = string | null

/** Processor time one input may take, of this thread; inputs are small. */
export const longestCpuMs = 2_000
export const tooSlow: string = `took more than ${longestCpuMs} ms of processor time`

export async function tryInput(kind: Kind, input: Input): Promise<Verdict> {
  const startedAt = process.threadCpuUsage()
  const verdict = await judge(kind, input)
  const { user, system } = process.threadCpuUsage(startedAt)
  const cpuMs = (user + system) / 1_000
  return verdict ?? (cpuMs > longestCpuMs ? tooSlow : null)
}

async function judge(kind: Kind, input: Input): Promise<Verdict> {
  try {
    await kind.run(input)
    promise(Object.keys(Object.prototype).length === 0 && !('polluted' in {}), 'Object.prototype was changed')
    return null
  } catch (error) {
    if (!(error instanceof TrunklineError)) return describe(error)
    if (!/^[A-Z][A-Z0-9_]+$/.test(error.code)) return `an error has the code ${JSON.stringify(error.code)}`
    return error.message.trim() === '' ? `${error.code} has no sentence` : null
  }
}

/** Without numbers and texts of the input in it, so that shrinking knows the bug again. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${typeof error}`
  const at = /\((?:file:\/\/)?[^)]*\/((?:src|node_modules)\/[^):]+)/.exec(error.stack ?? '')?.[1] ?? 'nowhere'
  return `${error.name} in ${at}: ${error.message.split('\n')[0]?.slice(0, 200)}`
}
