/** The neighbour that writes to customers. */
import { HttpError, type Letter, type PlacedOrder, parseLetter } from '@orders/common'

const timeoutMs = 5_000
const attempts = 3

/** Tried again where nobody answered, which is safe: a letter has the order's id. */
export const notifier =
  (url: string) =>
  async (placed: PlacedOrder): Promise<Letter> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await send(url, placed)
      } catch (error) {
        if (error instanceof HttpError || attempt === attempts) throw error
      }
    }
  }

async function send(url: string, placed: PlacedOrder): Promise<Letter> {
  const answer = await fetch(new URL(`/notifications/${placed.order}`, url), {
    method: 'PUT',
    body: JSON.stringify(placed),
    signal: AbortSignal.timeout(timeoutMs),
  })
  if (answer.status >= 500) throw new Error(`notifications answered ${answer.status}`)
  if (!answer.ok) throw new HttpError(502, 'not-notified', `notifications refused the letter with ${answer.status}`)
  return parseLetter(await answer.json())
}
