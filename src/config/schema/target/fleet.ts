/** The fleet: `trunkline agent` on hosts. */
import { isIP } from 'node:net'
import { parseHostAddress, type TargetConfig } from '../../../model/index.ts'
import { show } from '../../mistake.ts'
import { nameSchema } from '../name.ts'
import { distinct, listOf, mappingOf, mustBe, object, textWith, wholeNumber } from '../shapes.ts'
import { routerSchema } from './router.ts'

const hostSchema = textWith('a host', (host) => {
  const address = parseHostAddress(host)
  if (!('problem' in address)) return null
  const { problem, hint } = address
  return { code: 'INVALID_HOST', message: `the host ${show(host)} ${problem}`, ...(hint ? { hint } : {}) }
})

const addressSchema = textWith('an IP address', (address) =>
  isIP(address) === 0
    ? {
        code: 'INVALID_VALUE',
        message: `\`{key}\` must be an IP address such as \`127.0.0.1\` or \`0.0.0.0\`, not ${show(address)}`,
      }
    : null,
)

export const fleetSchema = object(
  {
    hosts: listOf(hostSchema, 'a list of hosts')
      .min(1, { error: mustBe('a list of at least one host') })
      .superRefine(distinct)
      .prefault(['local'])
      .describe(
        'Where instances run: `local` (the machine Trunkline runs on), `ssh://user@host:port`, or a name from `~/.ssh/config`.',
      ),
    replicas: wholeNumber(1, 1000).prefault(1).describe('Instances of each service, on each host.'),
    ports: mappingOf(nameSchema, wholeNumber(1, 65_535), 'a mapping of services to ports')
      .prefault({})
      .describe('Fixed public ports by service. Others get one that stays the same.'),
    listen: addressSchema.prefault('127.0.0.1').describe('The address the router listens on.'),
    router: routerSchema
      .optional()
      .describe(
        "What stands in front of the instances. Without it Trunkline's own router; behind one of yours, `listen` and `ports` say where it serves each service.",
      ),
  },
  { expected: 'a mapping such as `{ hosts: [local], replicas: 2 }`' },
)
  .meta({ id: 'Fleet', title: 'Fleet', description: 'Processes on hosts, behind a router that drops no request.' })
  .transform(({ router, ...fleet }): TargetConfig => ({ kind: 'fleet', fleet: router ? { ...fleet, router } : fleet }))
