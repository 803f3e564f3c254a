/** The frame of every page. */
import type { Answer } from '@shop/common'
import { type Html, html } from '../html.ts'
import { stylesheetPath } from '../stylesheet.ts'

export type Page = {
  title: string
  /** Things in the visitor's cart; null where the carts cannot be asked. */
  cartCount: number | null
  content: Html
  status?: number
}

const logo = html`<svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
  <path d="M4 21a12 12 0 0 1 24 0z" fill="currentColor" />
  <path d="M2 25h28" stroke="currentColor" stroke-width="2.6" stroke-linecap="round" />
  <path d="M16 2.5v3M5.6 7l2 2.2M26.4 7l-2 2.2" stroke="currentColor" stroke-width="2.4" stroke-linecap="round" />
</svg>`

const basket = html`<svg viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linejoin="round" stroke-linecap="round">
  <path d="M4 9h16l-1.4 9.2a2 2 0 0 1-2 1.8H7.4a2 2 0 0 1-2-1.8zM8 9l3-5M16 9l-3-5" />
</svg>`

const icon =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' rx='8' fill='%23c8553d'/%3E%3Cpath d='M7 20a9 9 0 0 1 18 0z' fill='%23fff'/%3E%3Cpath d='M6 24h20' stroke='%23fff' stroke-width='2' stroke-linecap='round'/%3E%3C/svg%3E"

export function renderPage({ title, cartCount, content, status = 200 }: Page): Answer {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Morgen</title>
<link rel="icon" href="${icon}">
<link rel="stylesheet" href="${stylesheetPath}">
</head>
<body>
<a class="skip" href="#content">Skip to content</a>
<header class="top">
  <a class="brand" href="/">${logo}<span>Morgen</span></a>
  <nav aria-label="Shop">
    <a href="/?category=coffee">Coffee</a>
    <a href="/?category=table">Table</a>
    <a href="/?category=home">Home</a>
  </nav>
  <a class="basket" href="/cart" aria-label="Cart${cartCount ? `, ${cartCount} in it` : ''}">${basket}<span class="word">Cart</span>${
    cartCount ? html`<span class="count">${cartCount}</span>` : null
  }</a>
</header>
<main id="content">${content}</main>
<footer class="bottom">
  <p><strong>Morgen</strong> Good things for slow mornings.</p>
  <p>A shop of seven small services. Nothing here is real but the code.</p>
</footer>
</body>
</html>
`
  return { status, headers: pageHeaders, body: page.text }
}

const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
}

export const redirect = (location: string, headers: Record<string, string> = {}): Answer => ({
  status: 303,
  headers: { location, 'cache-control': 'no-store', ...headers },
  body: '',
})
