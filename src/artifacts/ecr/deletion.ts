/** ECR deletes images by its own API, many in one call: what is asked for at about the same time goes together. */
import { BatchDeleteImageCommand, ECRClient, type ImageFailure } from '@aws-sdk/client-ecr'
import type { Aws } from '../../aws/index.ts'
import { type Digest, erroredError, short } from '../../model/index.ts'
import type { CloudRegistry } from '../oci-registry/cloud-registry.ts'

/** ECR takes no more. */
const maxAtOnce = 100

type Asked = { digest: Digest; resolve(wasThere: boolean): void; reject(error: unknown): void }

export function createDeletion(aws: Aws, account: string): CloudRegistry['deleteManifest'] {
  const queues = new Map<string, Asked[]>()

  async function flush(repositoryName: string, signal: AbortSignal): Promise<void> {
    const asked = queues.get(repositoryName) ?? []
    queues.delete(repositoryName)
    for (let from = 0; from < asked.length; from += maxAtOnce) {
      await deleteTogether(repositoryName, asked.slice(from, from + maxAtOnce), signal)
    }
  }

  async function deleteTogether(repositoryName: string, asked: readonly Asked[], signal: AbortSignal): Promise<void> {
    const imageIds = asked.map(({ digest }) => ({ imageDigest: digest }))
    const command = new BatchDeleteImageCommand({ registryId: account, repositoryName, imageIds })
    try {
      const { failures = [] } = await aws.send(aws.client(ECRClient), command, { signal, writes: true })
      const failed = new Map(failures.map((failure) => [failure.imageId?.imageDigest, failure]))
      for (const { digest, resolve, reject } of asked) {
        const failure = failed.get(digest)
        if (failure === undefined || failure.failureCode === 'ImageNotFound') resolve(failure === undefined)
        else reject(notDeleted(digest, repositoryName, failure))
      }
    } catch (error) {
      for (const { reject } of asked) reject(error)
    }
  }

  return (name, digest, signal) =>
    new Promise<boolean>((resolve, reject) => {
      const queue = queues.get(name)
      if (queue !== undefined) {
        queue.push({ digest, resolve, reject })
        return
      }
      queues.set(name, [{ digest, resolve, reject }])
      setImmediate(() => void flush(name, signal))
    })
}

const notDeleted = (digest: Digest, repository: string, { failureCode, failureReason }: ImageFailure) =>
  erroredError(
    'REGISTRY_REFUSED',
    `ECR does not delete ${short(digest)} in ${repository}: ${failureReason ?? failureCode}`,
    {
      hint:
        failureCode === 'ImageReferencedByManifestList'
          ? 'an index that was put there by others names it: delete that first'
          : 'this is what ECR said',
    },
  )
