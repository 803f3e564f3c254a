/** The one stylesheet, under a name that changes with its content, so that browsers may keep it for ever. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Route, route } from '@shop/common'

/** `assets/` lies beside `dist/` in the artifact, beside `src/` in the repository. */
const content = readFileSync(join(import.meta.dirname, '..', 'assets', 'shop.css'))

const version = createHash('sha256').update(content).digest('hex').slice(0, 12)

export const stylesheetPath = `/assets/${version}/shop.css`

/**
 * Any version in the path is answered: while a rollout is on, a page of the new version may ask an instance of the old
 * one. Only our own is kept by browsers.
 */
export const stylesheetRoute: Route = route('GET /assets/:version/shop.css', ({ params }) => ({
  status: 200,
  headers: {
    'content-type': 'text/css; charset=utf-8',
    'cache-control': params.version === version ? 'public, max-age=31536000, immutable' : 'no-store',
  },
  body: content,
}))
