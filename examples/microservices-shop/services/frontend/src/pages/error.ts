import type { HttpError } from '@shop/common'
import { type Html, html } from '../html.ts'

/** For people: what happened, and a way on. */
export const errorPage = (error: HttpError): Html => html`<section class="heading">
  <p class="eyebrow">${error.status}</p>
  <h1>${error.status === 404 ? 'Nothing here' : error.status < 500 ? 'That did not work' : 'Not awake yet'}</h1>
  <p class="lead">${
    error.status === 404
      ? 'Perhaps it was sold, perhaps it never was.'
      : error.status < 500
        ? error.message
        : 'Something behind the counter does not answer. Please try again in a moment.'
  }</p>
  <p><a class="button" href="/">Back to the shop</a></p>
</section>`
