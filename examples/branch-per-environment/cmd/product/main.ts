/** `GET /product`, `GET /product/kettle` */
import { HttpError } from '../../internal/http-error.ts'
import { runService } from '../../internal/service.ts'
import { allProducts, findProduct } from '../../product/index.ts'

await runService({
  name: 'product',
  answer({ path }) {
    if (path === '') return { products: allProducts() }
    const product = findProduct(path)
    if (product === null) throw new HttpError(404, `there is no product ${path}`)
    return product
  },
})
