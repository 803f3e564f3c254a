/** What `cdk synth` wrote: stacks in the order of their dependencies, and the assets they need. */
import { posix } from 'node:path'
import * as z from 'zod'
import { failedError } from '../../../model/index.ts'
import { type Folder, readInside, readTemplate } from '../template/package-template.ts'
import type { Template } from '../template/parse-template.ts'

export type AssembledStack = {
  /** As CloudFormation calls it. */
  name: string
  template: Template
  parameters: Record<string, string>
  tags: Record<string, string>
  terminationProtection: boolean
  /** Manifests of its assets, paths in the artifact. */
  assets: AssetFile[]
}

export type AssetFile = {
  /** Path of the file or folder in the artifact. */
  path: string
  packaging: 'file' | 'zip'
  /** As the app wrote them: `cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}`. */
  destinations: Array<{ bucketName: string; objectKey: string }>
}

const manifestSchema = z.object({
  artifacts: z
    .record(
      z.string(),
      z.object({
        type: z.string(),
        displayName: z.string().optional(),
        dependencies: z.array(z.string()).default([]),
        properties: z
          .object({
            templateFile: z.string().optional(),
            stackName: z.string().optional(),
            parameters: z.record(z.string(), z.string()).default({}),
            tags: z.record(z.string(), z.string()).default({}),
            terminationProtection: z.boolean().default(false),
            file: z.string().optional(),
            directoryName: z.string().optional(),
          })
          .default({ parameters: {}, tags: {}, terminationProtection: false }),
      }),
    )
    .default({}),
})

const assetsSchema = z.object({
  files: z
    .record(
      z.string(),
      z.object({
        source: z.object({ path: z.string().optional(), packaging: z.enum(['file', 'zip']).default('file') }),
        destinations: z.record(z.string(), z.object({ bucketName: z.string(), objectKey: z.string() })),
      }),
    )
    .default({}),
  dockerImages: z.record(z.string(), z.unknown()).default({}),
})

type Artifact = z.output<typeof manifestSchema>['artifacts'][string]
type Found = { id: string; directory: string; artifact: Artifact; all: Record<string, Artifact> }

const maxManifestBytes = 16 * 1024 * 1024
const maxStages = 50

/** The stack of that name, after those it depends on. Fails where the app has none. */
export async function readAssembly(folder: Folder, directory: string, stack: string): Promise<AssembledStack[]> {
  const all = await stacksIn(folder, directory)
  const wanted = all.find((found) => namesOf(found).includes(stack))
  if (wanted === undefined) {
    throw failedError('NO_SUCH_STACK', `the CDK app in ${directory} has no stack ${stack}`, {
      hint: `it has ${all.map((found) => nameOf(found)).join(', ') || 'none: did cdk synth run?'}`,
    })
  }
  const ordered: Found[] = []
  const visit = (found: Found) => {
    if (ordered.includes(found)) return
    for (const id of found.artifact.dependencies) {
      const before = all.find((other) => other.id === id && other.directory === found.directory)
      if (before !== undefined && before !== found) visit(before)
    }
    ordered.push(found)
  }
  visit(wanted)
  return await Promise.all(ordered.map((found) => readStack(folder, found)))
}

async function stacksIn(folder: Folder, directory: string, depth = 0): Promise<Found[]> {
  const { artifacts } = await readJson(folder, posix.join(directory, 'manifest.json'), manifestSchema)
  const own = Object.entries(artifacts).flatMap(([id, artifact]) =>
    artifact.type === 'aws:cloudformation:stack' ? [{ id, directory, artifact, all: artifacts }] : [],
  )
  const stages = Object.values(artifacts).flatMap(({ type, properties }) =>
    type === 'cdk:cloud-assembly' && properties.directoryName !== undefined ? [properties.directoryName] : [],
  )
  if (depth > 3 || stages.length > maxStages)
    throw failedError('ASSEMBLY_TOO_LARGE', `${directory} has too many stages`)
  const nested = await Promise.all(stages.map((name) => stacksIn(folder, posix.join(directory, name), depth + 1)))
  return [...own, ...nested.flat()]
}

const nameOf = ({ id, artifact }: Found): string => artifact.properties.stackName ?? id
const namesOf = (found: Found): string[] =>
  [nameOf(found), found.id, found.artifact.displayName].filter((name) => name !== undefined)

async function readStack(folder: Folder, found: Found): Promise<AssembledStack> {
  const { directory, artifact, all } = found
  const { templateFile, parameters, tags, terminationProtection } = artifact.properties
  if (templateFile === undefined)
    throw failedError('ASSEMBLY_INVALID', `${nameOf(found)} in ${directory} has no template`)
  const manifests = artifact.dependencies.flatMap((id) => {
    const { type, properties } = all[id] ?? { type: '', properties: { file: undefined } }
    return type === 'cdk:asset-manifest' && properties.file !== undefined ? [properties.file] : []
  })
  const assets = await Promise.all(manifests.map((file) => readAssets(folder, directory, file, nameOf(found))))
  const template = await readTemplate(folder, posix.join(directory, templateFile))
  return { name: nameOf(found), template, parameters, tags, terminationProtection, assets: assets.flat() }
}

async function readAssets(folder: Folder, directory: string, file: string, stack: string): Promise<AssetFile[]> {
  const { files, dockerImages } = await readJson(folder, posix.join(directory, file), assetsSchema)
  const [image] = Object.keys(dockerImages)
  if (image !== undefined) {
    throw failedError('CDK_IMAGE_ASSET', `the CDK stack ${stack} builds an image when it is deployed`, {
      hint: 'build it as a service of its own, once, and give its reference to the stack as a parameter',
    })
  }
  return Object.values(files).map(({ source, destinations }) => {
    if (source.path === undefined) {
      throw failedError(
        'CDK_ASSET_COMMAND',
        `an asset of the CDK stack ${stack} is made by a command when it is deployed`,
      )
    }
    const path = posix.join(directory, source.path)
    return { path, packaging: source.packaging, destinations: Object.values(destinations) }
  })
}

async function readJson<Schema extends z.ZodType>(
  folder: Folder,
  file: string,
  schema: Schema,
): Promise<z.output<Schema>> {
  const text = (await readInside(folder, file, maxManifestBytes)).toString('utf8')
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    throw failedError('ASSEMBLY_INVALID', `${file} is not what this version of Trunkline knows of \`cdk synth\``, {
      cause,
    })
  }
}
