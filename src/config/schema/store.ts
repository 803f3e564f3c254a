/** Where artifacts are kept. */
import * as z from 'zod'
import type { ArtifactStoreLocation } from '../../model/index.ts'
import { didYouMean } from '../did-you-mean.ts'
import { type Mistake, show } from '../mistake.ts'
import { addMistake, mustBe } from './shapes.ts'

const expected = '`oci-layout`, `oci-layout:path`, `oci://host/repository` or `s3://bucket/prefix`'
/** Where each service has a repository of its own. */
const servicePlaceholder = '{service}'
/** Host with an optional port, then the repository's path as OCI distribution allows it. */
const repositoryPattern =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)+$/

function parseLocation(text: string): ArtifactStoreLocation | Mistake {
  if (text === 'oci-layout') return { kind: 'oci-layout', path: null }
  const [, scheme = '', rest = ''] = /^([a-z0-9+-]+):(.*)$/is.exec(text) ?? []
  if (scheme === 'oci-layout') return layoutAt(rest)
  if (scheme === 'oci' || scheme === 'oci+http') return registryAt(rest.replace(/^\/\//, ''), scheme === 'oci+http')
  if (scheme === 's3') return bucketAt(rest.replace(/^\/\//, ''))
  const proposal = /^https?$/.test(scheme) ? `: did you mean \`oci:${rest}\`?` : didYouMean(text, ['oci-layout'])
  return { code: 'INVALID_VALUE', message: `\`{key}\` must be ${expected}, not ${show(text)}${proposal}` }
}

/** Here an absolute path is fine: the store need not lie in the repository. */
function layoutAt(path: string): ArtifactStoreLocation | Mistake {
  if (path !== '' && !path.split('/').includes('..') && !/\p{Cc}/u.test(path)) return { kind: 'oci-layout', path }
  const why = path === '' ? 'a path must follow the colon' : 'write a path without `..`, or an absolute one'
  return { code: 'INVALID_PATH', message: `${show(`oci-layout:${path}`)} names no folder: ${why}` }
}

function registryAt(repository: string, insecure: boolean): ArtifactStoreLocation | Mistake {
  const placeholders = repository.split(servicePlaceholder).length - 1
  const plain = placeholders === 1 ? repository.replace(`/${servicePlaceholder}`, '/service') : repository
  if (repositoryPattern.test(plain)) return { kind: 'oci-registry', repository, insecure }
  if (/^[^/]*@/.test(repository)) {
    return {
      code: 'SECRET_IN_CONFIG',
      message: '`{key}` has credentials in it',
      hint: 'leave them out: log in with `docker login` or the variables of your registry',
      secret: true,
    }
  }
  const why = /:[^/]*$/.test(repository.replace(/^[^/]*/, ''))
    ? 'leave the tag out'
    : 'it looks like `oci://registry.example/shop` or `oci://registry.example/shop/{service}`, in lower case'
  return { code: 'INVALID_VALUE', message: `${show(repository)} is no repository of a registry: ${why}` }
}

/** As S3 allows names of buckets; keys of few characters, so that they need no escaping anywhere. */
function bucketAt(text: string): ArtifactStoreLocation | Mistake {
  const [, bucket = '', prefix = ''] = /^([^/]*)\/?(.*?)\/?$/.exec(text) ?? []
  const isBucket = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket) && !bucket.includes('..')
  const isPrefix = prefix === '' || /^[\w.-]+(?:\/[\w.-]+)*$/.test(prefix)
  if (isBucket && isPrefix && !prefix.split('/').some((part) => part === '.' || part === '..')) {
    return { kind: 's3', bucket, prefix }
  }
  const why = isBucket
    ? 'its prefix has letters, digits, `.`, `_`, `-` and `/` alone'
    : 'it looks like `s3://artifacts.example/shop`, in lower case'
  return { code: 'INVALID_VALUE', message: `${show(`s3://${text}`)} is no place in a bucket: ${why}` }
}

export const storeSchema = z.string({ error: mustBe(expected) }).transform((text, context): ArtifactStoreLocation => {
  const location = parseLocation(text)
  if ('kind' in location) return location
  addMistake(context, location)
  return z.NEVER
})
