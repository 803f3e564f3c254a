/** What many services ask a cluster at the same time is asked once: a hundred of them make one request, not a hundred. */
import { setTimeout as sleep } from 'node:timers/promises'
import { cancelledError } from '../model/index.ts'

export type SharedAnswers = {
  /** One answer for all who ask while it is on its way, and for a while after it where it is worth keeping. */
  shared<Answer>(
    key: string,
    signal: AbortSignal,
    question: {
      forMs: number
      keeps?: (answer: Answer) => boolean
      ask(signal: AbortSignal): Promise<Answer>
    },
  ): Promise<Answer>
  /** The answer for one name; names that are asked for in the same moment are asked about together. */
  together<Answer>(
    key: string,
    name: string,
    signal: AbortSignal,
    ask: (names: readonly string[], signal: AbortSignal) => Promise<ReadonlyMap<string, Answer>>,
  ): Promise<Answer | undefined>
}

/** Long enough for all who were woken by the same answer, and not to be felt. */
const gatherMs = 2

type Gathering = { names: Set<string>; answers: Promise<ReadonlyMap<string, unknown>> }

/** `closing` ends what is on its way: it belongs to no single caller. */
export function shareAnswers(closing: AbortSignal): SharedAnswers {
  const kept = new Map<string, Promise<unknown>>()
  const gathering = new Map<string, Gathering>()
  return {
    async shared(key, signal, { forMs, keeps = () => true, ask }) {
      let answer = kept.get(key) as ReturnType<typeof ask> | undefined // Kept under this key below.
      if (answer === undefined) {
        const asked = ask(closing)
        answer = asked
        kept.set(key, asked)
        const forget = () => {
          if (kept.get(key) === asked) kept.delete(key)
        }
        asked.then((known) => (keeps(known) ? setTimeout(forget, forMs).unref() : forget()), forget)
      }
      return await orCancelled(answer, signal)
    },
    async together(key, name, signal, ask) {
      let open = gathering.get(key)
      if (open === undefined) {
        const names = new Set<string>()
        const answers = sleep(gatherMs).then(() => {
          gathering.delete(key)
          return ask([...names], closing)
        })
        answers.catch(() => {})
        open = { names, answers }
        gathering.set(key, open)
      }
      open.names.add(name)
      const answers = (await orCancelled(open.answers, signal)) as Awaited<ReturnType<typeof ask>> // Asked under this key.
      return answers.get(name)
    },
  }
}

/** Who is cancelled waits no longer; the others go on. */
async function orCancelled<Answer>(answer: Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  if (signal.aborted) throw cancelledError()
  const { promise, reject } = Promise.withResolvers<never>()
  const abort = () => reject(cancelledError())
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([answer, promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
