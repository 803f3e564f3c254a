/** Settings from environment variables; an empty one counts as not given. */
import { homedir } from 'node:os'
import { resolve } from 'node:path'

export function optionalVariable(name: string): string | null {
  return process.env[name] || null
}

/** Throws where it is missing: a service that cannot work should not start. */
export function requiredVariable(name: string): string {
  const value = optionalVariable(name)
  if (value === null) throw new Error(`the variable ${name} is not set`)
  return value
}

/**
 * Where stand-ins for databases keep their files: `DATA_DIR`, which all instances of an environment share. A relative
 * one starts in the home folder, so that it is the same wherever a service runs.
 */
export function dataFolder(): string {
  return resolve(homedir(), optionalVariable('DATA_DIR') ?? '.microservices-shop/local')
}
