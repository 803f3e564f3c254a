/** A command is data: what it is called, what it takes, and one function. Tested in process. */
import { usageError } from '../model/index.ts'
import type { Style } from './view/index.ts'
import type { ProgressView } from './view/types.ts'

export type CommandOption = {
  /** As commander writes it: `--ref <ref>`, `--follow`, `-n, --lines <count>`. */
  flags: string
  summary: string
  default?: string
  /** May be given several times; the value is a list. */
  isList?: boolean
  /** What completes its value. */
  completes?: 'environment' | 'service' | 'ref'
}

export type CommandArgument = {
  name: string
  summary: string
  isOptional?: boolean
  completes?: 'environment' | 'service' | 'ref' | 'task'
}

export type Command = {
  name: string
  summary: string
  /** A longer word for `--help`. */
  detail?: string
  arguments?: CommandArgument[]
  options?: CommandOption[]
  /** Not listed in `--help`. */
  isHidden?: boolean
  run(invocation: Invocation): Promise<CommandResult>
}

export type Invocation = {
  arguments: readonly (string | undefined)[]
  options: Readonly<Record<string, string | boolean | readonly string[] | undefined>>
  io: Io
  signal: AbortSignal
  json: boolean
  style: Style
  /** Opens the view that shows what happens; `null` where the command shows nothing in between. */
  openView(title: string): Promise<ProgressView>
}

export type Io = {
  stdout: NodeJS.WriteStream
  stderr: NodeJS.WriteStream
  environment: NodeJS.ProcessEnv
  cwd: string
}

export type CommandResult = {
  exitCode: number
  /** What `--json` prints, as one document. */
  document?: unknown
  /** What a person reads, on standard output. */
  lines?: readonly string[]
}

/** An option that takes one value. */
export const textOption = (invocation: Invocation, name: string): string | null => {
  const value = invocation.options[name]
  return typeof value === 'string' ? value : null
}

export const flagOption = (invocation: Invocation, name: string): boolean => invocation.options[name] === true

export const listOption = (invocation: Invocation, name: string): readonly string[] => {
  const value = invocation.options[name]
  return Array.isArray(value) ? value : typeof value === 'string' ? [value] : []
}

const maxLines = 100_000

/** `--lines`, a whole number. Usage error `BAD_OPTION`. */
export function lineCountOption(invocation: Invocation): number {
  const text = textOption(invocation, 'lines') ?? ''
  const count = /^\d+$/.test(text) ? Number(text) : 0
  if (count >= 1 && count <= maxLines) return count
  throw usageError('BAD_OPTION', `--lines takes a whole number from 1 to ${maxLines}, not ${JSON.stringify(text)}`)
}

/** An argument that the command line has made sure of. */
export const requiredArgument = (invocation: Invocation, index: number): string => {
  const value = invocation.arguments[index]
  if (value === undefined) throw new Error(`argument ${index} is required`)
  return value
}
