/** Access to clusters of EKS: the token is what EKS's own authenticator takes, replayed at the emulator's STS. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, type TestContext, test } from 'node:test'
import { CreateClusterCommand, EKSClient } from '@aws-sdk/client-eks'
import { openAws } from '../../src/aws/index.ts'
import { presign } from '../../src/aws/presign.ts'
import { systemClock } from '../../src/clock/index.ts'
import { openCredentials } from '../../src/kubernetes-api/credentials.ts'
import { kubeconfigForPrograms } from '../../src/kubernetes-api/eks-access.ts'
import { findConnection } from '../../src/kubernetes-api/index.ts'
import type { TrunklineError } from '../../src/model/index.ts'
import { type AwsPart, awsMissing, startAws } from '../parts/aws/aws.ts'

const inTime = () => AbortSignal.timeout(60_000)

test('addresses are signed as AWS documents it', () => {
  // https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
  const url = presign({
    url: new URL('https://examplebucket.s3.amazonaws.com/test.txt'),
    headers: {},
    credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
    region: 'us-east-1',
    service: 's3',
    nowMs: Date.UTC(2013, 4, 24),
    expiresSeconds: 86_400,
    payloadHash: 'UNSIGNED-PAYLOAD',
  })
  assert.equal(
    url.searchParams.get('X-Amz-Signature'),
    'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  )
})

describe('a cluster of EKS', { skip: awsMissing() }, () => {
  let part: AwsPart
  const certificate = Buffer.from('-----BEGIN CERTIFICATE-----\n').toString('base64')

  before(async () => {
    part = await startAws()
  })
  afterEach(() => part.reset())
  after(() => part?.stop())

  async function makeCluster(name: string) {
    const aws = openAws(part.access, { variables: part.environment, clock: systemClock })
    const roleArn = 'arn:aws:iam::123456789012:role/eks'
    const command = new CreateClusterCommand({ name, roleArn, resourcesVpcConfig: { subnetIds: ['subnet-1'] } })
    await aws.send(aws.client(EKSClient), command, { signal: inTime() })
    await aws.close()
    await part.wish('eks', { endpoint: 'https://shop.eks.example', certificate_authority: certificate })
  }

  /** What aws-iam-authenticator asks of a token before it calls the address in it; answers who it is. */
  async function whoIs(authorization: string | null, cluster: string): Promise<string> {
    const token = /^Bearer k8s-aws-v1\.([\w-]+)$/.exec(authorization ?? '')?.[1]
    assert.ok(token, 'a token of EKS, without padding')
    const url = new URL(Buffer.from(token, 'base64url').toString())
    assert.equal(url.origin, part.endpoint)
    assert.equal(url.pathname, '/')
    const allowed = ['Action', 'Version', 'X-Amz-Algorithm', 'X-Amz-Credential', 'X-Amz-Date', 'X-Amz-Expires']
    const more = ['X-Amz-Security-Token', 'X-Amz-SignedHeaders', 'X-Amz-Signature']
    for (const name of url.searchParams.keys()) assert.ok([...allowed, ...more].includes(name), name)
    assert.equal(url.searchParams.get('Action'), 'GetCallerIdentity')
    assert.deepEqual(url.searchParams.get('X-Amz-SignedHeaders')?.split(';'), ['host', 'x-k8s-aws-id'])
    assert.ok(Number(url.searchParams.get('X-Amz-Expires')) <= 900)
    const date = (url.searchParams.get('X-Amz-Date') ?? '').replace(
      /^(\d{4})(\d\d)(\d\dT\d\d)(\d\d)(\d\dZ)$/,
      '$1-$2-$3:$4:$5',
    )
    assert.ok(Math.abs(Date.now() - Date.parse(date)) < 15 * 60_000, date)
    // The emulator looks for who signed in a header alone; AWS reads the query.
    const signer = `AWS4-HMAC-SHA256 Credential=${url.searchParams.get('X-Amz-Credential')}, SignedHeaders=host, Signature=0`
    const headers = { 'x-k8s-aws-id': cluster, authorization: signer }
    const answer = await fetch(url, { headers, signal: inTime() })
    const text = await answer.text()
    assert.equal(answer.status, 200, text)
    return /<Arn>(.*)<\/Arn>/.exec(text)?.[1] ?? text
  }

  test('is found by its name, and told who we are', async () => {
    await makeCluster('shop')
    const surroundings = { root: '/', variables: part.environment, aws: part.access }
    const connection = await findConnection({ kubeconfig: null, context: null, eks: 'shop' }, surroundings)
    assert.equal(connection.server, 'https://shop.eks.example')
    assert.equal(connection.certificateAuthority?.toString('base64'), certificate)
    const credentials = openCredentials(connection, part.environment)
    const first = await credentials.get(inTime())
    assert.equal(await whoIs(first.authorization, 'shop'), 'arn:aws:sts::123456789012:user/moto')
    assert.equal(await credentials.get(inTime()), first, 'kept while it is good')
    assert.equal(credentials.refused(first), true)
    assert.notEqual(await credentials.get(inTime()), first)
  })

  test('that is not there is named with its region', async () => {
    const surroundings = { root: '/', variables: part.environment, aws: part.access }
    await assert.rejects(findConnection({ kubeconfig: null, context: null, eks: 'none' }, surroundings), {
      code: 'EKS_CLUSTER_MISSING',
      message: 'there is no cluster none of EKS in eu-west-1',
    })
    await assert.rejects(
      findConnection({ kubeconfig: null, context: null, eks: 'none' }, { root: '/', variables: {} }),
      (error: TrunklineError) => error.code === 'REGION_MISSING' && error.kind === 'usage',
    )
  })

  async function kubeconfig(t: TestContext, command: string, args: string[]) {
    const folder = await mkdtemp(join(tmpdir(), 'trunkline-eks-'))
    t.after(() => rm(folder, { recursive: true, force: true }))
    const path = join(folder, 'config')
    const exec = { apiVersion: 'client.authentication.k8s.io/v1beta1', command, args, env: null }
    const config = {
      'current-context': 'shop',
      clusters: [{ name: 'shop', cluster: { server: 'https://shop.eks.example' } }],
      users: [{ name: 'shop', user: { exec } }],
      contexts: [{ name: 'shop', context: { cluster: 'shop', user: 'shop' } }],
    }
    await writeFile(path, JSON.stringify(config))
    return await findConnection({ kubeconfig: path, context: null }, { root: '/', variables: part.environment })
  }

  test('takes the token that a kubeconfig asks of the AWS command line, which need not be there', async (t) => {
    const asked = ['--region', 'eu-west-1', 'eks', 'get-token', '--cluster-name', 'shop', '--output', 'json']
    const connection = await kubeconfig(t, 'aws', asked)
    const { authorization, expiresAtMs } = await openCredentials(connection, part.environment).get(inTime())
    assert.equal(await whoIs(authorization, 'shop'), 'arn:aws:sts::123456789012:user/moto')
    assert.ok((expiresAtMs ?? 0) > Date.now() + 10 * 60_000)

    const role = 'arn:aws:iam::111122223333:role/deployer'
    const other = await kubeconfig(t, 'aws-iam-authenticator', ['token', '-i', 'shop', '-r', role])
    const assumed = await openCredentials(other, part.environment).get(inTime())
    assert.match(await whoIs(assumed.authorization, 'shop'), /^arn:aws:sts::111122223333:assumed-role\/deployer\//)
  })

  test('is left to its plugin where that is asked for more than we know', async (t) => {
    for (const [command, args] of [
      ['aws', ['eks', 'get-token', '--cluster-name', 'shop', '--debug']],
      ['aws', ['sts', 'get-caller-identity']],
      ['gke-gcloud-auth-plugin', []],
    ] as const) {
      assert.equal((await kubeconfig(t, command, [...args])).user.kind, 'exec')
    }
  })

  test('lets programs in by a kubeconfig that only we can read, and that goes with them', async (t) => {
    const connection = await kubeconfig(t, 'aws', ['eks', 'get-token', '--cluster-name', 'shop'])
    assert.equal(connection.user.kind, 'eks')
    if (connection.user.kind !== 'eks') return
    const access = await kubeconfigForPrograms(connection, connection.user, part.environment, inTime())
    assert.equal((await stat(access.kubeconfig)).mode & 0o777, 0o600)
    const { users, clusters } = JSON.parse(await readFile(access.kubeconfig, 'utf8'))
    assert.equal(clusters[0].cluster.server, 'https://shop.eks.example')
    await whoIs(`Bearer ${users[0].user.token}`, 'shop')
    await access.remove()
    await assert.rejects(stat(access.kubeconfig), { code: 'ENOENT' })
  })
})
