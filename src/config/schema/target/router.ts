/** What stands in front of a fleet's instances. */
import * as z from 'zod'
import type { RouterConfig } from '../../../model/index.ts'
import { show } from '../../mistake.ts'
import { unknownPlaceholder } from '../placeholder.ts'
import { choice, exactlyOne, mustBeOneOf, object, textWith } from '../shapes.ts'

const kinds = ['built-in', 'nginx', 'haproxy'] as const

const pathSchema = (example: string) =>
  textWith(`a path such as \`${example}\``, (path) =>
    path.startsWith('/')
      ? null
      : {
          code: 'INVALID_VALUE',
          message: `\`{key}\` must be an absolute path such as \`${example}\`, not ${show(path)}`,
        },
  )

const nameSchema = textWith('a name such as `trunkline-{service}`', (text) => {
  const unknown = unknownPlaceholder(text)
  if (unknown !== null) return unknown
  if (text.includes('{service}') && /^[\w.{}-]+$/.test(text)) return null
  return {
    code: 'INVALID_VALUE',
    message: `\`{key}\` must be made of letters, digits, \`.\`, \`_\`, \`-\` and \`{service}\`, not ${show(text)}`,
  }
})

const words = (command: string): string[] => command.trim().split(/\s+/)

/** No shell reads it: words are separated by blanks. */
const commandSchema = textWith('a command such as `nginx -s reload`', (text) =>
  text.trim() === '' || /["'`$;&|<>\\]/.test(text)
    ? {
        code: 'INVALID_VALUE',
        message: `\`{key}\` must be a program and its arguments, not ${show(text)}`,
        hint: 'no shell reads it: put what needs one into a script',
      }
    : null,
)

const nginxSchema = object(
  {
    directory: pathSchema('/etc/nginx/trunkline.d')
      .prefault('/etc/nginx/trunkline.d')
      .describe("Where Trunkline writes a file for each service. nginx's `http` section includes `*.conf` of it."),
    upstream: nameSchema
      .prefault('{project}-{environment}-{service}')
      .describe('The `upstream` of a service, which your `server` passes to with `proxy_pass http://NAME`.'),
    test: commandSchema.prefault('nginx -t').describe('Tells whether the configuration is valid. No shell reads it.'),
    reload: commandSchema.prefault('nginx -s reload').describe('Makes nginx take it. No shell reads it.'),
    pidFile: pathSchema('/run/nginx.pid')
      .prefault('/run/nginx.pid')
      .describe('Of its master process. Without it a drained instance is given all of its drain time.'),
  },
  { expected: 'a mapping such as `{ directory: /etc/nginx/trunkline.d }`' },
)
  .meta({
    id: 'NginxRouter',
    title: 'nginx',
    description: 'An nginx of yours, told by files with weights that it includes, tested and reloaded at each change.',
  })
  .transform(
    (given): RouterConfig => ({ kind: 'nginx', ...given, test: words(given.test), reload: words(given.reload) }),
  )

const haproxySchema = object(
  {
    socket: pathSchema('/run/haproxy/admin.sock')
      .prefault('/run/haproxy/admin.sock')
      .describe('Its stats socket, of `level admin`.'),
    backend: nameSchema
      .prefault('{project}-{environment}-{service}')
      .describe('The `backend` of a service in your configuration.'),
  },
  { expected: 'a mapping such as `{ socket: /run/haproxy/admin.sock }`' },
)
  .meta({
    id: 'HaproxyRouter',
    title: 'HAProxy',
    description: 'An HAProxy of yours, told over its stats socket. Its configuration is not touched.',
  })
  .transform((given): RouterConfig => ({ kind: 'haproxy', ...given }))

const givenSchema = object(
  {
    nginx: nginxSchema.optional().describe('An nginx of yours.'),
    haproxy: haproxySchema.optional().describe('An HAProxy of yours.'),
  },
  { expected: 'a mapping such as `{ haproxy: { socket: /run/haproxy/admin.sock } }`' },
)
  .superRefine(exactlyOne('router', kinds.slice(1)))
  .meta({ id: 'TeamRouter', title: 'Router of yours', description: 'Exactly one of these.' })
  .transform((given) => given.nginx ?? given.haproxy ?? z.NEVER)

const namedSchema = choice(kinds).transform((kind): RouterConfig => {
  if (kind === 'nginx') return nginxSchema.parse({})
  return kind === 'haproxy' ? haproxySchema.parse({}) : { kind }
})

export const routerSchema = z.union([namedSchema, givenSchema], { error: mustBeOneOf(kinds) })
