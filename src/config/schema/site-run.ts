/** How a static site is served. */
import type { SiteRun } from '../../model/index.ts'
import { pathSchema, patternSchema } from './path.ts'
import { mappingOf, object, textWith } from './shapes.ts'

const headerSchema = textWith('a header such as `public, max-age=31536000, immutable`', (text) =>
  /^[\x21-\x7e](?:[\x20-\x7e]{0,254}[\x21-\x7e])?$/.test(text)
    ? null
    : { code: 'INVALID_VALUE', message: '`{key}` must be a header such as `public, max-age=31536000, immutable`' },
)

const siteObject = object(
  {
    index: pathSchema.prefault('index.html').describe('What a folder answers with. It is brought last of all.'),
    notFound: pathSchema.optional().describe('The document for addresses that there are none of, such as `404.html`.'),
    cache: mappingOf(patternSchema, headerSchema, 'a mapping of patterns to headers')
      .prefault({})
      .describe(
        '`Cache-Control` by pattern; the first that matches counts. Other files are asked for anew each time (`no-cache`).',
      ),
  },
  { expected: 'a mapping such as `{ cache: { "assets/**": "public, max-age=31536000, immutable" } }`' },
)

export const siteRun = object(
  { site: siteObject.describe('Files, as they lie in the artifact.') },
  { expected: 'a mapping such as `{ site: {} }`' },
)
  .meta({ id: 'SiteRun', title: 'Serve as a site', description: 'A static site: files that are served as they are.' })
  .transform(
    ({ site: { index, notFound, cache } }): SiteRun => ({
      ...{ kind: 'site', port: null, health: null, index },
      notFound: notFound ?? null,
      cache: Object.entries(cache).map(([pattern, header]) => ({ pattern, header })),
    }),
  )
