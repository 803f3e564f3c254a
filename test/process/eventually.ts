import { setTimeout as sleep } from 'node:timers/promises'

/** Asks until the answer is neither null nor false; fails after a time that even a loaded machine does not need. */
export async function eventually<Answer>(
  ask: () => Answer | Promise<Answer>,
  timeoutMs = 30_000,
): Promise<Exclude<Answer, null | false>> {
  const until = performance.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    // TypeScript does not narrow a generic by comparison.
    if (answer !== null && answer !== false) return answer as Exclude<Answer, null | false>
    if (performance.now() > until) throw new Error(`did not happen within ${timeoutMs} ms: ${ask}`)
    await sleep(20)
  }
}
