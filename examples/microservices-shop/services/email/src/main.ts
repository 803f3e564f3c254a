/** Email: writes the confirmation of an order and "sends" it. */
import { createLogger, HttpError, jsonAnswer, orderShape, route, startService, stopOnSignal } from '@shop/common'
import { confirmationOf } from './confirmation.ts'
import { createOutbox } from './outbox.ts'

const rememberedLetters = 100

async function main() {
  const logger = createLogger('email')
  const outbox = createOutbox({ capacity: rememberedLetters, now: () => new Date() })
  const routes = [
    route('PUT /confirmations/:order', async (request) => {
      const letter = outbox.send(request.params.order, confirmationOf(await request.json(orderShape)))
      logger.info('sent', { order: letter.order, subject: letter.subject })
      return jsonAnswer({ order: letter.order, subject: letter.subject, at: letter.at })
    }),
    route('GET /confirmations', () => jsonAnswer({ letters: outbox.letters() })),
    route('GET /confirmations/:order', ({ params }) => {
      const letter = outbox.find(params.order)
      if (letter === null) throw new HttpError(404, 'not-found', 'this instance sent no such letter')
      return jsonAnswer(letter)
    }),
  ]
  stopOnSignal(await startService({ routes, logger }), logger)
}

main()
