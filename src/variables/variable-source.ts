import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Aws } from '../aws/index.ts'
import { type AwsAccess, type AwsVariables, cancelledError, erroredError, usageError } from '../model/index.ts'
import type { VariableSource } from '../ports/index.ts'
import { parseDotenv } from './dotenv.ts'

export type VariableSourceOptions = {
  /** Of the process that delivers. */
  environment: NodeJS.ProcessEnv
  /** What relative dotenv paths start from: the repository's folder, or where the command runs. */
  root: string
  /** Opens the way to AWS where variables come from there; without it they cannot. */
  openAws?(access: AwsAccess): Promise<Aws>
}

const readTimeoutMs = 10_000

/**
 * Variables from dotenv files, later files over earlier ones, then from AWS, and last from the environment's variables
 * with a prefix (`STAGE_REDIS_URL` is `REDIS_URL`), which win over all: a CI job overrides what lies elsewhere.
 *
 * A dotenv path may lead out of the repository, where secrets had better be: which files are read is policy, and
 * policy comes from the remote's trunk (invariant 12), not from a branch.
 */
export function createVariableSource({ environment, root, openAws }: VariableSourceOptions): VariableSource {
  async function* fromAws(config: AwsVariables, signal: AbortSignal) {
    if (openAws === undefined) throw new Error('variables come from AWS, and there is no way to it')
    const [aws, { readAwsVariables }] = await Promise.all([openAws(config.access), import('./aws/index.ts')])
    try {
      yield* readAwsVariables(aws, config, signal)
    } finally {
      await aws.close()
    }
  }

  return {
    async read(config, signal) {
      const variables = new Map<string, string>()
      for (const file of config.dotenv) {
        const text = await readDotenv(resolve(root, file), file, signal)
        for (const [name, value] of parseDotenv(text, file)) variables.set(name, value)
      }
      if (config.aws !== undefined) {
        for await (const { name, value } of fromAws(config.aws, signal)) variables.set(name, value)
      }
      if (config.prefix !== null) {
        for (const [name, value] of withPrefix(environment, config.prefix)) variables.set(name, value)
      }
      return variables
    },
  }
}

function* withPrefix(environment: NodeJS.ProcessEnv, prefix: string): Generator<[name: string, value: string]> {
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && name.startsWith(prefix) && name !== prefix) yield [name.slice(prefix.length), value]
  }
}

/** `file` is the path as configured. Missing: usage `DOTENV_MISSING`; unreadable: errored `DOTENV_UNREADABLE`. */
async function readDotenv(path: string, file: string, signal: AbortSignal): Promise<string> {
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(readTimeoutMs)])
  try {
    return await readFile(path, { encoding: 'utf8', signal: bounded })
  } catch (cause) {
    if (signal.aborted) throw cancelledError()
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') {
      throw usageError('DOTENV_MISSING', `the dotenv file ${file} is not there (looked at ${path})`, {
        hint: 'create it, or take it out of `variables.dotenv` of the environment; relative paths start at the repository',
        cause,
      })
    }
    const why = cause instanceof Error ? cause.message : String(cause)
    throw erroredError('DOTENV_UNREADABLE', `the dotenv file ${file} cannot be read: ${why}`, { cause })
  }
}
