/**
 * `appspec.yml` of AWS CodeDeploy for servers, as its reference describes it: what is copied where, who owns it, and
 * which scripts run at which event. Pure: text in, description or one clear sentence out.
 */
import { parseDocument } from 'yaml'
import * as z from 'zod'
import { failedError } from '../../../model/index.ts'

/** In the order in which they run. `Install` has no scripts: it copies. */
export const scriptEvents = [
  'ApplicationStop',
  'BeforeInstall',
  'AfterInstall',
  'ApplicationStart',
  'ValidateService',
] as const
export type ScriptEvent = (typeof scriptEvents)[number]

/** Events of a load balancer that CodeDeploy itself takes hosts out of; there is none of Trunkline's before these services. */
export const balancerEvents = [
  'BeforeBlockTraffic',
  'AfterBlockTraffic',
  'BeforeAllowTraffic',
  'AfterAllowTraffic',
] as const

/** CodeDeploy's own limit, for a script and for all scripts of an event together. */
export const maxEventSeconds = 3600

const script = z.strictObject({
  location: z.string().min(1),
  timeout: z.coerce.number().int().min(1).max(maxEventSeconds).default(maxEventSeconds),
  runas: z.string().min(1).optional(),
})
export type Script = z.infer<typeof script>

const file = z.strictObject({ source: z.string().min(1), destination: z.string().min(1) })
export type FileEntry = z.infer<typeof file>

const permission = z.strictObject({
  object: z.string().min(1),
  pattern: z.string().min(1).default('**'),
  except: z.array(z.string()).default([]),
  owner: z.string().min(1).optional(),
  group: z.string().min(1).optional(),
  mode: z
    .union([z.string(), z.number()])
    .transform(String)
    .refine((mode) => /^[0-7]{1,4}$/.test(mode), 'must be an octal mode such as 644')
    .optional(),
  acls: z.array(z.string()).default([]),
  context: z.unknown().optional(),
  type: z.array(z.enum(['file', 'directory'])).default(['file', 'directory']),
})
export type Permission = z.infer<typeof permission>

const behaviours = ['DISALLOW', 'OVERWRITE', 'RETAIN'] as const

const appspec = z.strictObject({
  version: z.union([z.string(), z.number()]).transform(String),
  os: z.enum(['linux', 'windows']),
  files: z.array(file).nullish(),
  file_exists_behavior: z
    .string()
    .transform((word) => word.toUpperCase())
    .pipe(z.enum(behaviours))
    .default('DISALLOW'),
  permissions: z.array(permission).nullish(),
  hooks: z.record(z.string(), z.array(script).nullish()).nullish(),
})

export type Appspec = {
  files: FileEntry[]
  fileExists: (typeof behaviours)[number]
  permissions: Permission[]
  scripts: Record<ScriptEvent, Script[]>
  /** Events with scripts that are not run here. */
  notRun: string[]
}

/** Reads the file; fails (a verdict on the commit) with `APPSPEC_INVALID`, naming the place. */
export function parseAppspec(text: string, place: string): Appspec {
  const document = parseDocument(text)
  const [syntax] = document.errors
  if (syntax !== undefined) throw invalid(place, syntax.message.split('\n')[0] ?? 'is no YAML')
  const parsed = appspec.safeParse(withoutCase(document.toJS({ maxAliasCount: 100 })))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw invalid(place, `${issue?.path.join('.') || 'the file'}: ${issue?.message ?? 'is wrong'}`)
  }
  const { version, os, files, permissions, hooks, file_exists_behavior } = parsed.data
  if (Number(version) !== 0) throw invalid(place, `version ${version} is not known: it must be 0.0`)
  if (os !== 'linux') throw invalid(place, `os: ${os} cannot be deployed to: hosts of a fleet are Linux`)
  const known: readonly string[] = [...scriptEvents, ...balancerEvents]
  const stranger = Object.keys(hooks ?? {}).find((event) => !known.includes(event))
  if (stranger !== undefined) throw invalid(place, `hooks.${stranger} is no lifecycle event with scripts`)
  const scriptsOf = (event: string): Script[] => hooks?.[event] ?? []
  for (const event of scriptEvents) {
    const seconds = scriptsOf(event).reduce((sum, { timeout }) => sum + timeout, 0)
    if (scriptsOf(event).length > 1 && seconds > maxEventSeconds && scriptsOf(event).every(hasOwnTimeout)) {
      throw invalid(place, `hooks.${event}: its scripts may take ${seconds} s together, at most ${maxEventSeconds}`)
    }
  }
  return {
    files: files ?? [],
    fileExists: file_exists_behavior,
    permissions: permissions ?? [],
    scripts: Object.fromEntries(scriptEvents.map((event) => [event, scriptsOf(event)])) as Record<
      ScriptEvent,
      Script[]
    >,
    notRun: balancerEvents.filter((event) => scriptsOf(event).length > 0),
  }
}

const hasOwnTimeout = ({ timeout }: Script): boolean => timeout < maxEventSeconds

/** `OS: Linux` is seen in the wild, and taken. */
function withoutCase(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('os' in value) || typeof value.os !== 'string') return value
  return { ...value, os: value.os.toLowerCase() }
}

const invalid = (place: string, why: string) =>
  failedError('APPSPEC_INVALID', `${place}: ${why}`, { hint: 'see docs/targets/fleet.md, "appspec.yml"' })
