/** The program, `terraform` or `tofu`: one call, its environment, and what its ends mean. */
import { join } from 'node:path'
import { erroredError, type Reason, reason, type TerraformConfig, TrunklineError } from '../../model/index.ts'
import { type ProcessEnd, runProcess } from '../../process/index.ts'
import type { Identity } from './identity.ts'

export type Program = {
  readonly name: TerraformConfig['program']
  /** Throws where it cannot be started; how it ended is for the caller to judge. */
  run(argv: readonly string[], call: Call): Promise<ProcessEnd>
}

export type Call = {
  folder: string
  signal: AbortSignal
  timeoutMs: number
  /** Values of input variables: seen by the process alone, on no command line and in no file. */
  inputs?: Readonly<Record<string, string>>
  onLine?(line: string): void
  /** It holds the state's lock: where we die, it goes on to its end, which it would not if it wrote to us. */
  holdsLock?: true
}

export type ProgramOptions = {
  name: TerraformConfig['program']
  variables: NodeJS.ProcessEnv
  providerCache: string
  identity: Identity
}

/** Cancelled, it finishes what it is at and writes its state. */
const killAfterMs = 120_000
const maxOutputBytes = 256 * 1024 * 1024

export function createProgram({ name, variables, providerCache, identity }: ProgramOptions): Program {
  return {
    name,
    async run(argv, { folder, signal, timeoutMs, inputs = {}, onLine, holdsLock }) {
      const given = Object.entries(inputs).map(([input, value]) => [`TF_VAR_${input}`, value])
      const known = { ...variables, ...(await identity.variables(signal)) }
      const env = { ...inherited(known), TF_PLUGIN_CACHE_DIR: variables['TF_PLUGIN_CACHE_DIR'] ?? providerCache }
      try {
        return await runProcess({
          argv: [name, ...argv],
          cwd: folder,
          env: { ...env, TF_IN_AUTOMATION: '1', TF_INPUT: '0', CHECKPOINT_DISABLE: '1', ...Object.fromEntries(given) },
          timeoutMs,
          killAfterMs,
          maxOutputBytes,
          signal,
          ...(holdsLock && {
            outputBy: { stdout: join(folder, 'trunkline.out'), stderr: join(folder, 'trunkline.err') },
          }),
          ...(onLine === undefined ? {} : { onLine: (line, stream) => stream === 'stdout' && onLine(line) }),
        })
      } catch (error) {
        throw isMissing(error) ? missing(name) : error
      }
    },
  }
}

/** Providers look for credentials there. What would change the commands themselves stays away. */
const inherited = (variables: NodeJS.ProcessEnv): Record<string, string> =>
  Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) =>
      value === undefined || /^TF_(?:CLI_ARGS|VAR_|WORKSPACE|DATA_DIR|LOG|INPUT)/.test(name) ? [] : [[name, value]],
    ),
  )

const isMissing = (error: unknown): boolean =>
  error instanceof TrunklineError &&
  error.cause instanceof Error &&
  'code' in error.cause &&
  error.cause.code === 'ENOENT'

const missing = (name: string): TrunklineError =>
  erroredError('PROGRAM_MISSING', `infrastructure is applied by ${name}, which is not on this machine`, {
    hint: name === 'tofu' ? 'install OpenTofu 1.7 or newer' : 'install Terraform 1.5 or newer, or say `program: tofu`',
  })

/** The world's fault: nothing is wrong with what was to be applied. */
export function worldFault({ name }: Program, what: string, end: ProcessEnd): TrunklineError {
  const said = plain(end.stderr)
  if (end.kind === 'timed-out') return erroredError('TERRAFORM_TIMED_OUT', `${name} took too long to ${what}`)
  const locked = lockIn(said)
  if (locked !== null) return locked
  return erroredError('TERRAFORM', `${name} cannot ${what}: ${firstError(said)}`)
}

/** What the program says of a module that it cannot even read; null where something else is wrong. */
export function unreadableModule(end: ProcessEnd): Reason | null {
  const said = plain(end.stderr)
  if (!/must be valid\s+before\s+initialization/.test(said.replace(/[│╷╵]/gu, ' '))) return null
  return reason('terraform', firstError(said.slice(said.lastIndexOf('Error:'))))
}

const plain = (text: string): string => text.replace(/\u001b\[[0-9;]*m/g, '')

/** Errors stand in a box of their own, with a heading. */
function firstError(said: string): string {
  const lines = said.split('\n').map((line) => line.replace(/^[│╷╵\s]+/u, '').trimEnd())
  const from = lines.findIndex((line) => line.startsWith('Error:'))
  const told = (from < 0 ? lines : lines.slice(from)).filter((line) => line !== '').slice(0, 4)
  return told.join(' ').slice(0, 600) || 'it does not say why'
}

/** Somebody else is at work on the same state, or died while at it. */
export function lockIn(text: string): TrunklineError | null {
  if (!/Error acquiring the state lock/.test(text)) return null
  const told = (key: string) => new RegExp(`${key}:\\s+(\\S.*)`).exec(text)?.[1]?.trim()
  const id = told('ID')
  const who = told('Who')
  const created = told('Created')
  const by = [who === undefined ? '' : ` by ${who}`, created === undefined ? '' : ` since ${created}`].join('')
  return erroredError('STATE_LOCKED', `the state is locked${by}`, {
    hint: `wait for who holds it; if that process is dead: terraform force-unlock ${id ?? '<id>'}`,
  })
}
