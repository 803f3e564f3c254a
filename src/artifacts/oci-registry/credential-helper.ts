import * as z from 'zod'
import { erroredError, usageError } from '../../model/index.ts'
import { runProcess } from '../../process/index.ts'
import type { Credentials } from './credentials.ts'

const answerSchema = z.object({ Username: z.string(), Secret: z.string() })

/** Some ask a cloud's metadata service first, which may take its time. */
const timeoutMs = 30_000
const maxOutputBytes = 1024 * 1024
const namePattern = /^[A-Za-z0-9._-]+$/

export type HelperOptions = { environment: NodeJS.ProcessEnv; signal: AbortSignal }

/**
 * Asks `docker-credential-<name>` for the first of `keys` it knows; null where it knows none.
 * Errored `CREDENTIAL_HELPER` where it cannot be run or fails. Its output never enters an error: it may be a secret.
 */
export async function askCredentialHelper(
  name: string,
  keys: readonly string[],
  options: HelperOptions,
): Promise<Credentials | null> {
  if (!namePattern.test(name)) {
    throw usageError('CREDENTIAL_HELPER', `${JSON.stringify(name)} is not the name of a Docker credential helper`)
  }
  for (const key of keys) {
    const credentials = await ask(`docker-credential-${name}`, key, options)
    if (credentials !== null) return credentials
  }
  return null
}

async function ask(program: string, key: string, { environment, signal }: HelperOptions): Promise<Credentials | null> {
  const end = await runProcess({
    argv: [program, 'get'],
    // All of it: helpers read AWS_PROFILE, GOOGLE_APPLICATION_CREDENTIALS and the like.
    env: definedOf(environment),
    input: `${key}\n`,
    timeoutMs,
    maxOutputBytes,
    signal,
  })
  if (end.kind !== 'exited') throw broken(program, `did not answer within ${timeoutMs / 1000} s`)
  const output = end.stdout.toString('utf8')
  if (end.exitCode !== 0) {
    // The protocol's way to say "none": https://github.com/docker/docker-credential-helpers
    if (/credentials not found/i.test(output)) return null
    throw broken(program, `ended with code ${end.exitCode}`)
  }
  return parseAnswer(program, output)
}

function parseAnswer(program: string, output: string): Credentials | null {
  let answer: z.infer<typeof answerSchema>
  try {
    answer = answerSchema.parse(JSON.parse(output))
  } catch {
    throw broken(program, 'gave no credentials in the form of the protocol')
  }
  if (answer.Secret === '') return null
  return answer.Username === '<token>'
    ? { kind: 'identity-token', token: answer.Secret }
    : { kind: 'password', user: answer.Username, password: answer.Secret }
}

const broken = (program: string, what: string) =>
  erroredError('CREDENTIAL_HELPER', `${program} ${what}`, {
    hint: `run it by hand (echo <registry> | ${program} get), or set TRUNKLINE_REGISTRY_USER and TRUNKLINE_REGISTRY_PASSWORD`,
  })

const definedOf = (environment: NodeJS.ProcessEnv): Record<string, string> =>
  Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
