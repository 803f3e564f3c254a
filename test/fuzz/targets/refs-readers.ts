import { parseChallenges } from '../../../src/artifacts/oci-registry/challenge.ts'
import { promise } from '../target.ts'

/** The challenges of a header: schemes are words, and parameters are texts of their own. */
export function challengesOf(header: string): void {
  for (const { scheme, parameters } of parseChallenges(header)) {
    promise(/^[a-z][a-z0-9-]*$/.test(scheme), 'a scheme is no word')
    promise(Object.getPrototypeOf(parameters) === Object.prototype, 'the parameters are no plain mapping')
    for (const value of Object.values(parameters)) promise(typeof value === 'string', 'a parameter is no text')
  }
}
