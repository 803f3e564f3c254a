/** The guide for guests, and what Apple and Google ask for before a link opens the app. */
import { type Answer, type Asked, HttpError, json } from '../../shared/serve.ts'

const bundle = 'kitchen.loyalty.app'

const appleAppSite = {
  applinks: { details: [{ appIDs: [`A1B2C3D4E5.${bundle}`], components: [{ '/': '/r/*', comment: 'rewards' }] }] },
}

const assetLinks = [
  {
    relation: ['delegate_permission/common.handle_all_urls'],
    target: {
      namespace: 'android_app',
      package_name: bundle,
      sha256_cert_fingerprints: [Array.from({ length: 32 }, () => 'A1').join(':')],
    },
  },
]

const page = (title: string, text: string): Answer => ({
  status: 200,
  type: 'text/html; charset=utf-8',
  body: `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>body{font:1.1rem/1.6 system-ui,sans-serif;max-width:38rem;margin:3rem auto;padding:0 1rem}</style>
<h1>${title}</h1>
${text}
</html>
`,
})

const guide = page(
  'How points work',
  '<p>Every euro at our tables is one point. Show the app when you pay; points arrive within a minute.</p>' +
    '<p>Choose a reward in the app and show its code to your waiter. Points never expire.</p>',
)

const reward = page('Your reward is in the app', '<p>Open this link on the phone that has the app.</p>')

export function answer({ method, path }: Asked): Answer {
  if (method !== 'GET' && method !== 'HEAD') throw new HttpError(405, `${method} is not possible here`)
  switch (path) {
    case '/':
    case '/guide':
      return guide
    case '/.well-known/apple-app-site-association':
      return json(200, appleAppSite)
    case '/.well-known/assetlinks.json':
      return json(200, assetLinks)
  }
  if (path.startsWith('/r/')) return reward
  throw new HttpError(404, 'there is nothing here')
}
