/** `GET /discount?priceCents=899&quantity=12&member=yes` */
import { discountOf } from '../../discount/index.ts'
import { wholeNumber } from '../../internal/query.ts'
import { runService } from '../../internal/service.ts'

await runService({
  name: 'discount',
  answer: ({ query }) =>
    discountOf({
      priceCents: wholeNumber(query, 'priceCents'),
      quantity: wholeNumber(query, 'quantity', { min: 1, max: 1_000 }),
      isMember: query.get('member') === 'yes',
    }),
})
