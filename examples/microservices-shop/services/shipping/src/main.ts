/** Shipping: what it costs, and the tracking id of a parcel. */
import {
  addressShape,
  countryShape,
  createLogger,
  HttpError,
  jsonAnswer,
  read,
  route,
  startService,
  stopOnSignal,
} from '@shop/common'
import { quoteFor } from './quote.ts'
import { trackingIdOf } from './tracking-id.ts'

async function main() {
  const logger = createLogger('shipping')
  const routes = [
    route('GET /quote', ({ query }) => {
      const subtotalCents = Number(query.get('subtotalCents') ?? Number.NaN)
      if (!Number.isInteger(subtotalCents) || subtotalCents < 0) {
        throw new HttpError(422, 'invalid', 'subtotalCents must be whole cents', { field: 'subtotalCents' })
      }
      return jsonAnswer(quoteFor(read(countryShape, query.get('country')), subtotalCents))
    }),
    route('PUT /shipments/:order', async (request) => {
      const { country } = await request.json(addressShape)
      const trackingId = trackingIdOf(request.params.order)
      logger.info('parcel announced', { order: request.params.order, country, trackingId })
      return jsonAnswer({ trackingId })
    }),
  ]
  stopOnSignal(await startService({ routes, logger }), logger)
}

main()
