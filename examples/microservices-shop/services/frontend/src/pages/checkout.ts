import { formatEuros, type Summary } from '@shop/common'
import { countryNames } from '../countries.ts'
import { type Html, html } from '../html.ts'
import type { FieldName, FormMistakes, OrderForm } from '../order-form.ts'
import { pictureOf } from '../pictures.ts'
import { sums } from './cart.ts'

export type CheckoutPage = {
  form: OrderForm
  summary: Summary
  mistakes: FormMistakes
  /** What is wrong with no single field to blame. */
  trouble: string | null
}

export function checkoutPage({ form, summary, mistakes, trouble }: CheckoutPage): Html {
  const field = (name: FieldName, label: string, attributes: Html, width = '') => html`<label class="field ${width}">
  <span>${label}</span>
  <input name="${name}" value="${form.fields[name]}" required ${attributes} ${
    mistakes[name] && html`aria-invalid="true" aria-describedby="${name}-mistake"`
  }>
  ${mistakes[name] && html`<em id="${name}-mistake">${mistakes[name]}</em>`}
</label>`

  return html`<section class="heading"><h1>Checkout</h1></section>
${trouble !== null && html`<p class="trouble" role="alert">${trouble}</p>`}
<form class="with-aside" method="post" action="/checkout">
  <div>
    <input type="hidden" name="order" value="${form.order}">
    <input type="hidden" name="country" value="${form.country}">
    <input type="hidden" name="totalCents" value="${summary.totalCents}">
    <fieldset>
      <legend>Delivery</legend>
      ${field('name', 'Name', html`autocomplete="name"`)}
      ${field('email', 'E-mail', html`type="email" autocomplete="email"`)}
      ${field('street', 'Street and number', html`autocomplete="street-address"`)}
      ${field('postalCode', 'Postal code', html`autocomplete="postal-code" maxlength="12"`, 'third')}
      ${field('city', 'City', html`autocomplete="address-level2"`, 'two-thirds')}
      <p class="country">Delivery to ${countryNames[form.country]} · <a href="/cart?country=${form.country}">change</a></p>
    </fieldset>
    <fieldset>
      <legend>Payment</legend>
      <p class="hint">No card is charged. Try <code>4242 4242 4242 4242</code>, or <code>4000 0000 0000 0002</code> to be declined.</p>
      ${field('number', 'Card number', html`inputmode="numeric" autocomplete="cc-number" placeholder="4242 4242 4242 4242"`)}
      ${field('expires', 'Expires', html`autocomplete="cc-exp" placeholder="09/29"`, 'half')}
      ${field('code', 'Security code', html`inputmode="numeric" autocomplete="cc-csc" placeholder="123"`, 'half')}
    </fieldset>
  </div>
  <aside class="panel">
    <ul class="mini">${summary.lines.map(
      ({ product, name, quantity, priceCents }) => html`<li>
        <span class="picture">${pictureOf(product)}</span>
        <span>${name} <small>× ${quantity}</small></span>
        <span class="price">${formatEuros(priceCents * quantity)}</span>
      </li>`,
    )}</ul>
    ${sums(summary)}
    <button class="button wide">Pay ${formatEuros(summary.totalCents)}</button>
  </aside>
</form>`
}
