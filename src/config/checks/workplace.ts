/** Builds elsewhere need a store that is no folder of this machine; those on AWS need to know where that is. */
import type { Check } from './check.ts'

export const checkWorkplace: Check = function* ({ document: { builds, artifacts, aws }, keysAt }) {
  if (builds.on === null) return
  if (artifacts.kind === 'oci-layout') {
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
  if (builds.on.kind === 'codebuild' && aws === undefined) {
    yield {
      path: ['builds', 'on', 'codebuild'],
      mistake: {
        code: 'REGION_MISSING',
        message: 'builds run on CodeBuild, and the project has no region of AWS',
        hint: 'for example `aws: { region: eu-west-1, account: "111122223333" }`',
      },
    }
  }
}
