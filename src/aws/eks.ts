/** Clusters of EKS: where they are, and the token that says who we are. */
import { DescribeClusterCommand, EKSClient } from '@aws-sdk/client-eks'
import { STSClient } from '@aws-sdk/client-sts'
import { erroredError } from '../model/index.ts'
import type { Aws } from './aws.ts'
import { presign } from './presign.ts'

/** The address in a token may be called for this long; EKS takes the token itself for a quarter of an hour. */
const presignedSeconds = 60
const tokenMs = 14 * 60_000

export type EksCluster = {
  endpoint: string
  /** PEM */
  certificateAuthority: Buffer
}

export async function describeEksCluster(aws: Aws, name: string, signal: AbortSignal): Promise<EksCluster> {
  const command = new DescribeClusterCommand({ name })
  const { cluster } = await aws.send(aws.client(EKSClient), command, { signal }).catch((error) => {
    if (!aws.isError(error, 'ResourceNotFoundException')) throw error
    throw erroredError('EKS_CLUSTER_MISSING', `there is no cluster ${name} of EKS in ${aws.region}`, {
      hint: `is the region right, and the account? aws eks list-clusters --region ${aws.region}`,
      cause: error,
    })
  })
  const { endpoint, certificateAuthority, status } = cluster ?? {}
  if (!endpoint || !certificateAuthority?.data) {
    throw erroredError('EKS_CLUSTER_NOT_READY', `the cluster ${name} of EKS is ${status ?? 'not ready'}`)
  }
  return { endpoint, certificateAuthority: Buffer.from(certificateAuthority.data, 'base64') }
}

/**
 * What EKS takes for a password: an address at which STS says who signed it, good for this cluster alone.
 * https://docs.aws.amazon.com/eks/latest/best-practices/identity-and-access-management.html
 */
export async function eksToken(
  aws: Aws,
  cluster: string,
  nowMs: number,
  signal: AbortSignal,
): Promise<{ token: string; expiresAtMs: number }> {
  const [credentials, url] = await Promise.all([aws.credentials(signal), stsAddress(aws)])
  url.search = '?Action=GetCallerIdentity&Version=2011-06-15'
  const headers = { 'x-k8s-aws-id': cluster }
  const asked = { url, headers, credentials, region: aws.region, service: 'sts', nowMs }
  const address = presign({ ...asked, expiresSeconds: presignedSeconds })
  return {
    token: `k8s-aws-v1.${Buffer.from(address.href).toString('base64url')}`,
    expiresAtMs: Math.min(nowMs + tokenMs, credentials.expiration?.getTime() ?? Number.POSITIVE_INFINITY),
  }
}

/** The region's own: EKS refuses tokens that were signed for the one address of all regions. */
async function stsAddress(aws: Aws): Promise<URL> {
  const { config } = aws.client(STSClient)
  const own = await config.endpoint?.()
  if (own !== undefined) return new URL(`${own.protocol}//${own.hostname}${own.port ? `:${own.port}` : ''}/`)
  return new URL(config.endpointProvider({ Region: aws.region }).url)
}
