import {
  CreateRepositoryCommand,
  DescribeRepositoriesCommand,
  ECRClient,
  GetAuthorizationTokenCommand,
  PutLifecyclePolicyCommand,
} from '@aws-sdk/client-ecr'
import type { Aws } from '../../aws/index.ts'
import { type EcrSettings, erroredError } from '../../model/index.ts'
import type { CloudRegistry } from '../oci-registry/cloud-registry.ts'
import type { Credentials } from '../oci-registry/credentials.ts'
import { createDeletion } from './deletion.ts'
import { scanOf } from './scan.ts'

export type EcrOptions = {
  /** In the region of the registry. */
  aws: Aws
  /** Whose registry it is. */
  account: string
  settings: EcrSettings
  /** ms since the epoch */
  now(): number
}

/** So long before its end a token is fetched anew; it lives for twelve hours. */
const renewBeforeMs = 10 * 60_000

export function createEcrRegistry({ aws, account, settings, now }: EcrOptions): CloudRegistry {
  const client = aws.client(ECRClient)
  const prepared = new Map<string, Promise<void>>()
  const deletion = createDeletion(aws, account)
  let token: { credentials: Credentials; endsMs: number } | null = null

  async function makeRepository(repositoryName: string, signal: AbortSignal): Promise<void> {
    const describe = new DescribeRepositoriesCommand({ registryId: account, repositoryNames: [repositoryName] })
    try {
      await aws.send(client, describe, { signal })
      return
    } catch (error) {
      if (!aws.isError(error, 'RepositoryNotFoundException')) throw error
    }
    const create = new CreateRepositoryCommand({
      registryId: account,
      repositoryName,
      imageTagMutability: settings.immutableTags ? 'IMMUTABLE' : 'MUTABLE',
      imageScanningConfiguration: { scanOnPush: settings.scanOnPush },
    })
    try {
      await aws.send(client, create, { signal, writes: true })
    } catch (error) {
      // Another delivery was first.
      if (!aws.isError(error, 'RepositoryAlreadyExistsException')) throw error
    }
    if (settings.keep === null) return
    const lifecyclePolicyText = JSON.stringify({ rules: [keepingNewest(settings.keep)] })
    const put = new PutLifecyclePolicyCommand({ registryId: account, repositoryName, lifecyclePolicyText })
    await aws.send(client, put, { signal, writes: true })
  }

  return {
    async login(signal) {
      if (token !== null && token.endsMs - now() > renewBeforeMs) return token.credentials
      const { authorizationData } = await aws.send(client, new GetAuthorizationTokenCommand({}), { signal })
      const [given] = authorizationData ?? []
      const credentials = readToken(given?.authorizationToken)
      if (credentials === null) throw erroredError('AWS_UNEXPECTED_ANSWER', `ECR (${aws.region}) gave no token`)
      token = { credentials, endsMs: given?.expiresAt?.getTime() ?? 0 }
      return credentials
    },

    async prepareRepository(name, signal) {
      if (!settings.create) return
      const known = prepared.get(name)
      const preparing = known ?? makeRepository(name, signal)
      prepared.set(name, preparing)
      try {
        await preparing
      } catch (error) {
        prepared.delete(name)
        throw error
      }
    },

    deleteManifest: deletion,

    scanOf: (name, digest, signal) => scanOf(aws, account, name, digest, signal),
  }
}

const keepingNewest = (countNumber: number) => ({
  rulePriority: 1,
  description: `Keeps the newest ${countNumber}`,
  selection: { tagStatus: 'any', countType: 'imageCountMoreThan', countNumber },
  action: { type: 'expire' },
})

/** `AWS:password` in base 64. */
function readToken(text: string | undefined): Credentials | null {
  const decoded = Buffer.from(text ?? '', 'base64').toString('utf8')
  const colon = decoded.indexOf(':')
  return colon < 1 ? null : { kind: 'password', user: decoded.slice(0, colon), password: decoded.slice(colon + 1) }
}
