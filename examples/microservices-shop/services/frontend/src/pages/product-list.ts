import { type Category, formatEuros, type Product } from '@shop/common'
import { type Html, html } from '../html.ts'
import { pictureOf } from '../pictures.ts'

const headings: Record<Category, { title: string; words: string }> = {
  coffee: { title: 'Coffee', words: 'The first quarter of an hour.' },
  table: { title: 'Table', words: 'For when someone else is up, too.' },
  home: { title: 'Home', words: 'For everything before the first appointment.' },
}

export const titleOf = (category: Category | null): string =>
  category === null ? 'Good things for slow mornings' : headings[category].title

export function productListPage(products: readonly Product[], category: Category | null): Html {
  return html`${category === null ? hero(products) : heading(category)}
<ul class="products" id="products">${products.map(productCard)}</ul>
${products.length === 0 && html`<p class="empty">The shelves are empty. Someone should seed them.</p>`}`
}

/** Some that look well side by side, where they are for sale. */
const heroProducts = ['enamel-mug', 'moka-pot', 'table-lamp']

const hero = (products: readonly Product[]): Html => html`<section class="hero">
  <div>
    <p class="eyebrow">The morning edition</p>
    <h1>Good things for slow mornings</h1>
    <p class="lead">Pots, cups and lamps that are made once, made well, and taste of the first hour of the day.</p>
    <a class="button" href="#products">See everything</a>
  </div>
  <div class="still-life" aria-hidden="true">${heroProducts
    .filter((id) => products.some((product) => product.id === id))
    .map((id) => html`<div class="${id}">${pictureOf(id)}</div>`)}</div>
</section>`

const heading = (category: Category): Html => html`<section class="heading">
  <h1>${headings[category].title}</h1>
  <p class="lead">${headings[category].words}</p>
</section>`

const productCard = ({ id, name, category, priceCents }: Product): Html => html`<li>
  <a class="card" href="/products/${id}">
    <span class="picture ${category}">${pictureOf(id)}</span>
    <span class="name">${name}</span>
    <span class="price">${formatEuros(priceCents)}</span>
  </a>
</li>`
