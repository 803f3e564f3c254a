/** What speaks of AWS says where: each such environment has a region. */
import type { TargetConfig } from '../../model/index.ts'
import type { VariableSourceDocument } from '../schema/variable-source.ts'
import type { Check } from './check.ts'

/** Targets that are in an account of AWS. */
const inAws: ReadonlySet<string> = new Set<TargetConfig['kind']>([
  'lambda',
  'cloudformation',
  'codedeploy',
  'codepipeline',
  'site',
  'ecs',
])

/** `ssm` */
const sourceInAws = ({ ssm, secretsManager }: VariableSourceDocument): string | undefined =>
  ssm.length > 0 ? 'ssm' : secretsManager.length > 0 ? 'secretsManager' : undefined

export const checkAws: Check = function* ({ document, keysAt }) {
  const example = 'for example `aws: { region: eu-west-1, account: "111122223333" }`'
  if (document.artifacts.kind === 's3' && document.aws?.region === undefined && !keysAt(['aws']).includes('region')) {
    const message = 'artifacts are kept in a bucket of S3, and the project has no region of AWS'
    yield { path: [], mistake: { key: 'aws', code: 'REGION_MISSING', message, hint: example } }
  }
  for (const [name, { target, targets, aws, variables }] of Object.entries(document.environments)) {
    const kind =
      [target, ...Object.values(targets ?? {})].find((known) => known && inAws.has(known.kind))?.kind ??
      sourceInAws(variables)
    const region = aws?.region ?? document.aws?.region
    if (region !== undefined || (kind === undefined && aws === undefined)) continue
    if (keysAt(['environments', name, 'aws']).includes('region') || keysAt(['aws']).includes('region')) continue
    yield {
      path: ['environments', name],
      mistake: {
        key: 'aws',
        code: 'REGION_MISSING',
        message: `environment \`${name}\` is in AWS${kind === undefined ? '' : ` (${kind})`} and has no region`,
        hint: example,
      },
    }
  }
}
