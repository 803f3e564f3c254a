/** Where state lives: one remote, under one ref prefix. */
import type { StateSettings } from '../../model/index.ts'
import { show } from '../mistake.ts'
import { durationSchema } from './duration.ts'
import { refNameFault } from './ref-name.ts'
import { object, textWith } from './shapes.ts'

const remoteSchema = textWith("a remote's name or URL", (remote) => {
  if (!/^[^-\s\p{Cc}][^\s\p{Cc}]*$/u.test(remote)) {
    return { code: 'INVALID_VALUE', message: `${show(remote)} is neither a remote's name nor a URL` }
  }
  return /^https?:\/\/[^/@]*:[^/@]*@/.test(remote)
    ? {
        code: 'SECRET_IN_CONFIG',
        message: '`{key}` has a password in it',
        hint: "leave it out: git's credential helper knows it",
        secret: true,
      }
    : null
})

const prefixSchema = textWith('a ref prefix such as `refs/trunkline`', (prefix) => {
  const invalid = (why: string, hint?: string) => ({
    code: 'INVALID_VALUE',
    message: `${show(prefix)} cannot be a ref prefix: ${why}`,
    ...(hint === undefined ? {} : { hint }),
  })
  const bare = prefix.replace(/^\/+|\/+$/g, '')
  if (bare !== prefix) return invalid('it has no slash at its ends', `did you mean \`${bare}\`?`)
  if (!/^refs\/./.test(prefix)) return invalid('it begins with `refs/`', `did you mean \`refs/${bare}\`?`)
  if (/^refs\/(?:heads|tags|remotes)$/.test(prefix))
    return invalid('all branches or tags are there', `did you mean \`${prefix}/trunkline\`?`)
  const fault = prefix.includes('*') ? 'it is no pattern' : refNameFault(prefix)
  return fault === null ? null : invalid(fault)
})

export const stateSchema = object({
  remote: remoteSchema
    .prefault('origin')
    .describe("A remote's name or URL. The local repository counts only where no such remote is configured."),
  prefix: prefixSchema
    .prefault('refs/trunkline')
    .describe('Under which refs state lives. A few hosts take only branches: `refs/heads/trunkline`.'),
  leaseTtl: durationSchema.prefault('30s').describe('After this time without renewal a lease may be taken over.'),
})
  .meta({ id: 'State', title: 'State', description: 'Where the ledger, records and leases live.' })
  .prefault({})
  .transform(({ leaseTtl, ...state }): StateSettings => ({ ...state, leaseTtlMs: leaseTtl }))
