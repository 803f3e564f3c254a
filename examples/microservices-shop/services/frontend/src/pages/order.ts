import { formatEuros, type Order } from '@shop/common'
import { countryNames } from '../countries.ts'
import { type Html, html } from '../html.ts'
import { pictureOf } from '../pictures.ts'
import { sums } from './cart.ts'

export const orderPage = (order: Order): Html => html`<section class="heading thanks">
  <svg class="sunrise" viewBox="0 0 120 64" aria-hidden="true">
    <circle cx="60" cy="56" r="26" fill="var(--mustard)" />
    <path d="M60 8v12M22 24l8 9M98 24l-8 9M6 52h14M100 52h14" stroke="var(--mustard)" stroke-width="4" stroke-linecap="round" />
    <path d="M0 56h120v8H0z" fill="var(--paper)" />
    <path d="M4 56h112" stroke="var(--ink)" stroke-width="3" stroke-linecap="round" />
  </svg>
  <h1>Thank you, ${order.address.name.split(' ')[0] ?? order.address.name}</h1>
  <p class="lead">Your order is on its way. A confirmation goes to <strong>${order.email}</strong>.</p>
</section>
<div class="with-aside">
  <ul class="lines">${order.lines.map(
    ({ product, name, quantity, priceCents }) => html`<li class="line">
      <span class="picture">${pictureOf(product)}</span>
      <div class="what"><a class="name title" href="/products/${product}">${name}</a><span class="each">× ${quantity}</span></div>
      <span class="price">${formatEuros(priceCents * quantity)}</span>
    </li>`,
  )}</ul>
  <aside class="panel">
    ${sums(order)}
    <dl class="facts">
      <dt>Order</dt><dd><code>${order.id.slice(0, 8)}</code></dd>
      <dt>Tracking</dt><dd><code>${order.trackingId}</code></dd>
      <dt>Paid with</dt><dd>${order.payment.brand} ···· ${order.payment.lastFour}</dd>
      <dt>To</dt><dd>${order.address.name}<br>${order.address.street}<br>${order.address.postalCode} ${order.address.city}<br>${
        countryNames[order.address.country]
      }</dd>
    </dl>
  </aside>
</div>
<p class="onward"><a class="button quiet" href="/">Keep looking around</a></p>`
