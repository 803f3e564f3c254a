/** Kubeconfigs that ask AWS's command line for a token: what they ask for is done here, and it need not be installed. */
import { basename } from 'node:path'
import type { AwsAccess } from '../model/index.ts'
import type { ClusterUser, ExecPlugin } from './kubeconfig.ts'

export type EksUser = Extract<ClusterUser, { kind: 'eks' }>

/** Flags of `aws eks get-token` that we know what to do about. */
const known = new Set([
  '--cluster-name',
  '--cluster-id',
  '--region',
  '--role-arn',
  '--role',
  '--profile',
  '--output',
  '-i',
  '-r',
])

/**
 * The cluster and the access that a kubeconfig's `aws eks get-token` (or `aws-iam-authenticator token`) asks for; null
 * where it is another plugin, or says more than we know.
 */
export function eksUser({ command, args, env }: ExecPlugin, variables: NodeJS.ProcessEnv): EksUser | null {
  const program = basename(command)
  const [verbs, isProgram] =
    program === 'aws' ? [['eks', 'get-token'], true] : [['token'], program === 'aws-iam-authenticator']
  if (!isProgram) return null
  const flags = readFlags(args, verbs)
  const cluster = flags?.get('--cluster-id') ?? flags?.get('--cluster-name') ?? flags?.get('-i')
  if (flags === null || cluster === undefined) return null
  const own = Object.fromEntries(env.map(({ name, value }) => [name, value]))
  const said = { ...variables, ...own }
  const region = flags.get('--region') ?? (said['AWS_REGION'] || said['AWS_DEFAULT_REGION'])
  if (!region) return null
  const role = flags.get('--role-arn') ?? flags.get('--role') ?? flags.get('-r') ?? null
  const access: AwsAccess = { region, account: null, role, endpoint: null, profile: flags.get('--profile') ?? null }
  return { kind: 'eks', cluster, access, variables: own }
}

/** null where there is a word that is not known. */
function readFlags(args: readonly string[], verbs: readonly string[]): Map<string, string> | null {
  const flags = new Map<string, string>()
  const words: string[] = []
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? ''
    const [name = '', value] = word.split(/=(.*)/s)
    if (!word.startsWith('-')) words.push(word)
    else if (!known.has(name)) return null
    else flags.set(name, value ?? args[++at] ?? '')
  }
  return words.join(' ') === verbs.join(' ') ? flags : null
}
