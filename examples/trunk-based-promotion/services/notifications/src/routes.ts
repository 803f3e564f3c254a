import { HttpError, type Letter, parsePlacedOrder, type Route } from '@orders/common'
import { letterFor, type WrittenLetter } from './letter.ts'

export type NotificationOptions = {
  /** Longer letters are refused: nobody reads them. */
  maxLetterLength: number
  /** Hands a letter to the mail gateway, by an id: the same id twice is one letter. */
  send(id: string, to: string, letter: WrittenLetter): Promise<void>
}

export const notificationRoutes = ({ maxLetterLength, send }: NotificationOptions): Route[] => [
  {
    method: 'PUT',
    path: '/notifications/:id',
    async handle(id, body) {
      const placed = parsePlacedOrder(body)
      const letter = letterFor(placed)
      if (letter.text.length > maxLetterLength) throw new HttpError(413, 'too-long', 'this letter is too long')
      await send(id, placed.email, letter)
      const answer: Letter = { id, to: placed.email, subject: letter.subject }
      return { status: 201, body: answer }
    },
  },
]
