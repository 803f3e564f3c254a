import type { Fingerprint } from '../../model/index.ts'

/** Scripts of CodeDeploy are handed no variables: all services have the same none. */
export const noVariables = 'none' as Fingerprint // The brand is given here: no key is needed for nothing.
