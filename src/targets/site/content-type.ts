/** What browsers are told that a file is, by its name. */

const types: Readonly<Record<string, string>> = {
  ...{ html: 'text/html', htm: 'text/html', xhtml: 'application/xhtml+xml', css: 'text/css', txt: 'text/plain' },
  ...{ js: 'text/javascript', mjs: 'text/javascript', cjs: 'text/javascript', md: 'text/markdown', csv: 'text/csv' },
  ...{ json: 'application/json', map: 'application/json', webmanifest: 'application/manifest+json' },
  ...{ xml: 'application/xml', rss: 'application/rss+xml', atom: 'application/atom+xml', ics: 'text/calendar' },
  ...{ svg: 'image/svg+xml', png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', gif: 'image/gif' },
  ...{ webp: 'image/webp', avif: 'image/avif', ico: 'image/x-icon', bmp: 'image/bmp', tiff: 'image/tiff' },
  ...{ woff: 'font/woff', woff2: 'font/woff2', ttf: 'font/ttf', otf: 'font/otf' },
  ...{ mp3: 'audio/mpeg', ogg: 'audio/ogg', wav: 'audio/wav', m4a: 'audio/mp4', flac: 'audio/flac' },
  ...{ mp4: 'video/mp4', webm: 'video/webm', mov: 'video/quicktime', vtt: 'text/vtt' },
  ...{ wasm: 'application/wasm', pdf: 'application/pdf', zip: 'application/zip', gz: 'application/gzip' },
}

const isText = (type: string): boolean =>
  type.startsWith('text/') || /^application\/(?:json|xml|.*\+(?:json|xml))$/.test(type) || type === 'image/svg+xml'

export function contentTypeOf(path: string): string {
  const extension = /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? ''
  const type = (Object.hasOwn(types, extension) ? types[extension] : undefined) ?? 'application/octet-stream'
  return isText(type) ? `${type}; charset=utf-8` : type
}

/** What people open, and what asks for all the rest. */
export const isDocument = (path: string): boolean => /\.x?html?$/i.test(path)
