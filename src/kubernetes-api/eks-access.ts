/** Clusters of EKS without the AWS command line: tokens are made here. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AwsAccess, usageError } from '../model/index.ts'
import type { EksUser } from './eks-user.ts'
import type { ClusterConnection } from './kubeconfig.ts'

/** A cluster that is named by its name alone, in the environment's account. */
export async function connectionToEks(
  cluster: string,
  aws: AwsAccess | null,
  variables: NodeJS.ProcessEnv,
): Promise<ClusterConnection> {
  if (aws === null) {
    throw usageError('REGION_MISSING', `the cluster ${cluster} is in EKS, and the environment has no region of AWS`, {
      hint: 'for example `aws: { region: eu-west-1, account: "111122223333" }`',
    })
  }
  const opened = await open(aws, variables)
  try {
    const { describeEksCluster } = await import('../aws/eks.ts')
    const { endpoint, certificateAuthority } = await describeEksCluster(opened, cluster, AbortSignal.timeout(60_000))
    return {
      name: cluster,
      server: endpoint.replace(/\/+$/, ''),
      certificateAuthority,
      ...{ serverName: null, skipVerification: false, proxy: null, namespace: null },
      user: { kind: 'eks', cluster, access: aws, variables: {} },
    }
  } finally {
    await opened.close()
  }
}

/** A token for a quarter of an hour. */
export async function tokenForEks(
  { cluster, access, variables: own }: EksUser,
  variables: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<{ token: string; expiresAtMs: number }> {
  const aws = await open(access, { ...variables, ...own })
  try {
    const { eksToken } = await import('../aws/eks.ts')
    return await eksToken(aws, cluster, Date.now(), signal)
  } finally {
    await aws.close()
  }
}

async function open(access: AwsAccess, variables: NodeJS.ProcessEnv) {
  const [{ openAws }, { systemClock }] = await Promise.all([import('../aws/index.ts'), import('../clock/index.ts')])
  return openAws(access, { variables, clock: systemClock, user: 'kubernetes' })
}

export type ProgramAccess = { kubeconfig: string; remove(): Promise<void> }

/** A kubeconfig for programs that are started (helm), which cannot make tokens; for its owner's eyes alone. */
export async function kubeconfigForPrograms(
  { name, server, certificateAuthority }: ClusterConnection,
  user: EksUser,
  variables: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<ProgramAccess> {
  const { token } = await tokenForEks(user, variables, signal)
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-eks-'))
  const kubeconfig = join(folder, 'kubeconfig')
  const authority = certificateAuthority?.toString('base64')
  // JSON is YAML.
  const content = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [{ name, cluster: { server, ...(authority && { 'certificate-authority-data': authority }) } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  }
  await writeFile(kubeconfig, JSON.stringify(content), { mode: 0o600 })
  await chmod(kubeconfig, 0o600)
  return { kubeconfig, remove: () => rm(folder, { recursive: true, force: true }) }
}
