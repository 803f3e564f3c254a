import type { Email } from './confirmation.ts'

export type SentEmail = Email & { order: string; at: string }

/** What was "sent": the last few letters, one an order. Each instance remembers its own. */
export function createOutbox({ capacity, now }: { capacity: number; now: () => Date }) {
  const sent = new Map<string, SentEmail>()
  return {
    /** Asked twice for one order, it sends once. */
    send(order: string, email: Email): SentEmail {
      const known = sent.get(order)
      if (known !== undefined) return known
      const letter = { ...email, order, at: now().toISOString() }
      sent.set(order, letter)
      const [oldest] = sent.keys()
      if (sent.size > capacity && oldest !== undefined) sent.delete(oldest)
      return letter
    },
    find: (order: string): SentEmail | null => sent.get(order) ?? null,
    /** Newest first. */
    letters: (): SentEmail[] => [...sent.values()].reverse(),
  }
}
