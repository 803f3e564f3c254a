/** Files of a CDK app into the buckets that its templates name. */
import { failedError } from '../../../model/index.ts'
import { isThere, putOnce } from '../bucket.ts'
import type { Parts } from '../parts.ts'
import { type Folder, readInside, zipFolder } from '../template/package-template.ts'
import type { AssetFile } from './assembly.ts'

const maxAssetBytes = 512 * 1024 * 1024

/** Idempotent: keys are hashes of content. */
export async function publishAssets(
  parts: Parts,
  folder: Folder,
  assets: readonly AssetFile[],
  signal: AbortSignal,
): Promise<void> {
  for (const { path, packaging, destinations } of assets) {
    for (const destination of destinations) {
      const [bucket, key] = await Promise.all(
        [destination.bucketName, destination.objectKey].map((text) => withPlace(parts, text, signal)),
      )
      if (bucket === undefined || key === undefined || (await isThere(parts, bucket, key, signal))) continue
      const bytes =
        packaging === 'zip' ? await zipFolder(folder, path, signal) : await readInside(folder, path, maxAssetBytes)
      await putOnce(parts, { bucket, key, bytes }, signal).catch((error: unknown) => {
        if (!parts.aws.isError(error, 'NoSuchBucket')) throw error
        throw failedError('CDK_NOT_BOOTSTRAPPED', `the bucket ${bucket} for assets of CDK apps does not exist`, {
          hint: 'bootstrap the account once: npx cdk bootstrap',
          cause: error,
        })
      })
    }
  }
}

async function withPlace(parts: Parts, text: string, signal: AbortSignal): Promise<string> {
  if (!/\$\{AWS::/.test(text)) return text
  const { account, arn } = await parts.aws.assertAccount(signal)
  return text
    .replaceAll(/\$\{AWS::AccountId\}/g, account)
    .replaceAll(/\$\{AWS::Region\}/g, parts.aws.region)
    .replaceAll(/\$\{AWS::Partition\}/g, arn.split(':')[1] ?? 'aws')
}
