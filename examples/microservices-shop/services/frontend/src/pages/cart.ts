import { type Country, countries, formatEuros, maxQuantity, type Summary } from '@shop/common'
import { countryNames } from '../countries.ts'
import { type Html, html } from '../html.ts'
import { pictureOf } from '../pictures.ts'

export const emptyCartPage = (): Html => html`<section class="heading">
  <h1>Your cart is empty</h1>
  <p class="lead">There is still time. It is early.</p>
  <p><a class="button" href="/">Look around</a></p>
</section>`

export const cartPage = (
  summary: Summary,
  country: Country,
): Html => html`<section class="heading"><h1>Your cart</h1></section>
<div class="with-aside">
  <ul class="lines">${summary.lines.map(cartLine)}</ul>
  <aside class="panel">
    ${sums(summary)}
    <form class="country" method="get" action="/cart">
      <label>Delivery to
        <select name="country">${countries.map(
          (each) => html`<option value="${each}" ${each === country && html`selected`}>${countryNames[each]}</option>`,
        )}</select>
      </label>
      <button class="plain">Update</button>
    </form>
    <a class="button wide" href="/checkout?country=${country}">Go to checkout</a>
  </aside>
</div>`

const cartLine = ({ product, name, priceCents, quantity }: Summary['lines'][number]): Html => html`<li class="line">
  <a class="picture" href="/products/${product}" tabindex="-1" aria-hidden="true">${pictureOf(product)}</a>
  <div class="what">
    <a class="name title" href="/products/${product}">${name}</a>
    <span class="each">${formatEuros(priceCents)} each</span>
  </div>
  <form class="quantity" method="post" action="/cart/items/${product}">
    <label><span class="hidden">Quantity of ${name}</span>
      <input type="number" name="quantity" value="${quantity}" min="0" max="${maxQuantity}" inputmode="numeric"></label>
    <button class="plain">Update</button>
    <button class="plain" name="quantity" value="0" formnovalidate>Remove</button>
  </form>
  <span class="price">${formatEuros(priceCents * quantity)}</span>
</li>`

/** What a cart or an order comes to. */
export const sums = ({
  subtotalCents,
  shipping,
  totalCents,
}: Pick<Summary, 'subtotalCents' | 'shipping' | 'totalCents'>): Html => html`<dl class="sums">
  <div><dt>Subtotal</dt><dd>${formatEuros(subtotalCents)}</dd></div>
  <div><dt>Shipping <small>${shipping.carrier}, ${shipping.minDays}–${shipping.maxDays} days</small></dt>
    <dd>${shipping.costCents === 0 ? 'free' : formatEuros(shipping.costCents)}</dd></div>
  <div class="total"><dt>Total</dt><dd>${formatEuros(totalCents)}</dd></div>
</dl>`
