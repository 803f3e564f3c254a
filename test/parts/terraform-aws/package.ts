/**
 * What the AWS provider of Terraform takes, from a package of npm that is generated of its schema. The provider itself is
 * in no registry of packages; this is, and its source maps hold all that is said of each attribute.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fillCache, partsCache } from '../kubernetes/programs.ts'
import { missingPart } from '../local-server.ts'
import { type Block, schemaOf } from './schema.ts'

const execute = promisify(execFile)
const generated = {
  name: '@cdktn/provider-aws',
  version: '25.7.0',
  integrity: 'E/nhu0yVZE4mXMgIPuI8tEFt1BExLkA7ARjihdG+/HmfDfzLr+OEF3dkFRvI6glRt30lrrBWQLwXqCJBxcmyUg==',
}
/** Of the provider, as the package says it. */
export const providerVersion = '6.66.0'
const archiveName = 'package.tgz'
const fetchTimeoutMs = 10 * 60_000
const unpackTimeoutMs = 2 * 60_000

export type ProviderSchema = { provider: Block; resources: Record<string, Block>; dataSources: Record<string, Block> }

/** Names of types, `aws_vpc`; of data sources too. */
export type WantedTypes = { resources: readonly string[]; dataSources: readonly string[] }

const folderOf = (environment: NodeJS.ProcessEnv): string =>
  join(partsCache(environment), `terraform-aws-${generated.version}`)

/** For `test({ skip })`. */
export function awsSchemaMissing(environment: NodeJS.ProcessEnv = process.env): string | false {
  const folder = folderOf(environment)
  const found = existsSync(folder) ? folder : null
  return missingPart(found, "the AWS provider's schema is not there (npm run parts brings it)", environment)
}

/** Brings the package where it is not there yet; answers its folder. */
export async function prepareAwsSchema(environment: NodeJS.ProcessEnv = process.env): Promise<string> {
  const folder = folderOf(environment)
  if (existsSync(folder)) return folder
  await fillCache(folder, async (scratch) => {
    const words = ['pack', '--silent', '--pack-destination', scratch, `${generated.name}@${generated.version}`]
    const { stdout } = await execute('npm', words, { cwd: scratch, env: environment, timeout: fetchTimeoutMs })
    const archive = join(scratch, stdout.trim().split('\n').at(-1) ?? '')
    const digest = createHash('sha512')
      .update(await readFile(archive))
      .digest('base64')
    if (digest !== generated.integrity) throw new Error(`${generated.name} ${generated.version} is not what it was`)
    await rename(archive, join(scratch, archiveName))
  })
  return folder
}

/** Schemas of these types: read from the package, and kept beside it. */
export async function readAwsSchema(
  { resources, dataSources }: WantedTypes,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<ProviderSchema> {
  const folder = await prepareAwsSchema(environment)
  const wanted = { resources: [...new Set(resources)].sort(), dataSources: [...new Set(dataSources)].sort() }
  const reader = await readFile(join(import.meta.dirname, 'schema.ts'))
  const key = createHash('sha256').update(reader).update(JSON.stringify(wanted)).digest('hex').slice(0, 16)
  const kept = join(folder, `schema-${key}.json`)
  if (!existsSync(kept)) {
    const schema = await extract(join(folder, archiveName), wanted)
    const whole = `${kept}.${process.pid}`
    await writeFile(whole, JSON.stringify(schema))
    await rename(whole, kept)
  }
  return JSON.parse(await readFile(kept, 'utf8')) as ProviderSchema // Written above.
}

async function extract(archive: string, { resources, dataSources }: WantedTypes): Promise<ProviderSchema> {
  const folders = new Map([['provider', 'provider']])
  for (const type of resources) folders.set(type, folderNameOf(type))
  for (const type of dataSources) folders.set(`data.${type}`, `data-aws-${folderNameOf(type)}`)
  const scratch = await mkdtemp(join(tmpdir(), 'trunkline-terraform-schema-'))
  try {
    const members = [...folders.values()].map((folder) => `package/lib/${folder}/index.js`)
    await unpack(archive, scratch, members)
    const read = async (name: string) => {
      const file = join(scratch, 'package', 'lib', folders.get(name) ?? '', 'index.js')
      if (!existsSync(file)) throw new Error(`the AWS provider ${providerVersion} has no ${name}`)
      return schemaOf(sourceIn(await readFile(file, 'utf8')))
    }
    const all = async (types: readonly string[], prefix: string) =>
      Object.fromEntries(await Promise.all(types.map(async (type) => [type, await read(`${prefix}${type}`)] as const)))
    return {
      provider: await read('provider'),
      resources: await all(resources, ''),
      dataSources: await all(dataSources, 'data.'),
    }
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** What is not in it is told by name afterwards. */
async function unpack(archive: string, folder: string, members: readonly string[]): Promise<void> {
  try {
    await execute('tar', ['-xzf', archive, '-C', folder, ...members], { timeout: unpackTimeoutMs })
  } catch (error) {
    if (!String((error as { stderr?: unknown }).stderr).includes('Not found in archive')) throw error
  }
}

const folderNameOf = (type: string): string => type.replace(/^aws_/, '').replaceAll('_', '-')

/** The TypeScript that a file was compiled from. */
function sourceIn(script: string): string {
  const [, map] = /sourceMappingURL=data:application\/json;base64,(\S+)/.exec(script) ?? []
  if (map === undefined) throw new Error('it has no source map')
  const { sourcesContent } = JSON.parse(Buffer.from(map, 'base64').toString('utf8')) as { sourcesContent?: string[] }
  const [source] = sourcesContent ?? []
  if (
    source === undefined ||
    (!source.includes(`providerVersion: '${providerVersion}'`) && !source.includes(`/aws/${providerVersion}/`))
  )
    throw new Error(`it is not of the AWS provider ${providerVersion}`)
  return source
}
