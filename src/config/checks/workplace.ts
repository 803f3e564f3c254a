/** Builds elsewhere need a store that is no folder of this machine. */
import type { Check } from './check.ts'

export const checkWorkplace: Check = function* ({ document: { builds, artifacts }, keysAt }) {
  if (builds.on === null || artifacts.kind !== 'oci-layout') return
  const said = keysAt([]).includes('artifacts')
  yield {
    path: said ? ['artifacts'] : ['builds', 'on'],
    mistake: {
      code: 'STORE_OUT_OF_REACH',
      message: `builds run elsewhere, and artifacts are kept in a folder of this machine${said ? '' : ' (the default of `artifacts`)'}`,
      hint: 'keep them in a registry that both reach: `artifacts: oci://registry.example/shop`',
    },
  }
}
