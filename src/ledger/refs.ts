/** Where state lives: one place that knows the ref names. */
import type { EnvironmentName, RefName } from '../model/index.ts'

export type StateRefs = {
  /** Prefix of everything, with its slash. */
  all: RefName
  builds: RefName
  yanks: RefName
  environment(name: EnvironmentName): RefName
  lease(name: EnvironmentName): RefName
}

/** The environment whose history a ref holds; null where it is no environment's. */
export function environmentOf(refs: StateRefs, ref: RefName): EnvironmentName | null {
  const prefix = `${refs.all}env/`
  return ref.startsWith(prefix) ? ref.slice(prefix.length) : null
}

export const stateRefs = (prefix: string): StateRefs => ({
  all: `${prefix}/`,
  builds: `${prefix}/builds`,
  yanks: `${prefix}/yanks`,
  environment: (name) => `${prefix}/env/${name}`,
  lease: (name) => `${prefix}/lease/${name}`,
})
