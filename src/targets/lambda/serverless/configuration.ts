/** Pure: a `serverless.yml` whose functions are the zips that were built, whatever else it would package. */
import { posix } from 'node:path'
import { type Document, isMap, parseDocument } from 'yaml'
import { isTooDeepToParse } from '../../../config/yaml-depth.ts'
import { refusedError } from '../../../model/index.ts'

export type ServerlessConfiguration = {
  /** What CloudFormation calls what it describes, at one stage. */
  stackAt(stage: string): string
  /** The same, with the zips in the place of what would be packaged; paths are relative to it. */
  withZips(zips: readonly string[]): string
}

/** `file` is for messages. */
export function readServerlessConfiguration(text: string, file: string): ServerlessConfiguration {
  if (!/\.(?:ya?ml|json)$/.test(file)) {
    throw refusedError('SERVERLESS_CONFIG', `${file} is a program: zips cannot be put into what it says`, {
      hint: 'write it as YAML, or as JSON',
    })
  }
  // Its tags (`!Ref`) are none of ours: they stay as they are.
  const document = isTooDeepToParse(text) ? null : parseDocument(text, { logLevel: 'silent', keepSourceTokens: true })
  if (document === null || document.errors.length > 0 || !isMap(document.contents)) {
    throw refusedError('SERVERLESS_CONFIG', `${file} cannot be read: ${document?.errors[0]?.message ?? 'too deep'}`)
  }
  return {
    stackAt(stage) {
      const own = document.getIn(['provider', 'stackName'])
      const service = document.get('service')
      const name = typeof own === 'string' ? own : `${String(service)}-${stage}`
      const filled = name.replaceAll(/\$\{(?:sls:stage|opt:stage[^}]*)\}/g, stage)
      if (/^[A-Za-z][\w-]*$/.test(filled) && (typeof own === 'string' || typeof service === 'string')) return filled
      throw refusedError('SERVERLESS_CONFIG', `${file} does not say plainly what its stack is called: ${filled}`, {
        hint: 'write `service` as a word, or `provider.stackName` with no more in it than the stage',
      })
    },
    withZips: (zips) => textWith(document.clone() as Document, zips, file),
  }
}

function textWith(document: Document, zips: readonly string[], file: string): string {
  const others = zips.filter((zip) => {
    const name = posix.basename(zip, '.zip')
    const owner = ['functions', 'layers'].find((kind) => isMap(document.getIn([kind, name])))
    if (owner === undefined) return true
    document.setIn([owner, name, 'package', 'artifact'], zip)
    return false
  })
  const [whole, ...more] = others
  if (more.length > 0) {
    const names = others.map((zip) => posix.basename(zip)).join(', ')
    throw refusedError('SERVERLESS_ZIPS', `${file} has no function or layer for some of these zips: ${names}`, {
      hint: 'one zip for the whole service, and others named after functions and layers, as `osls package` writes them',
    })
  }
  if (whole !== undefined) document.setIn(['package', 'artifact'], whole)
  return document.toString({ lineWidth: 0 })
}
