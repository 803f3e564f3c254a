import { formatEuros, type Product } from '@shop/common'
import { type Html, html } from '../html.ts'
import { pictureOf } from '../pictures.ts'

const offeredQuantities = [1, 2, 3, 4, 5, 6]

export const productPage = ({
  id,
  name,
  description,
  category,
  priceCents,
}: Product): Html => html`<article class="product">
  <div class="picture ${category}">${pictureOf(id)}</div>
  <div class="words">
    <p class="eyebrow"><a href="/?category=${category}">${category}</a></p>
    <h1>${name}</h1>
    <p class="price">${formatEuros(priceCents)} <small>incl. VAT</small></p>
    <p class="lead">${description}</p>
    <form class="buy" method="post" action="/cart/items">
      <input type="hidden" name="product" value="${id}">
      <label>Quantity
        <select name="quantity">${offeredQuantities.map((quantity) => html`<option>${quantity}</option>`)}</select>
      </label>
      <button class="button">Put into cart</button>
    </form>
    <ul class="promises">
      <li>With you in one to two days within Germany</li>
      <li>Free shipping from ${formatEuros(6000)}</li>
      <li>Thirty days to change your mind</li>
    </ul>
  </div>
</article>`
