import { setTimeout as sleep } from 'node:timers/promises'

/** Waits until it is so. What throws is not so yet. */
export async function eventually(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  let last: unknown
  while (performance.now() < deadline) {
    try {
      if (await isSo()) return
      last = undefined
    } catch (error) {
      last = error
    }
    await sleep(50)
  }
  throw new Error(`never came true: ${what}`, { cause: last })
}
