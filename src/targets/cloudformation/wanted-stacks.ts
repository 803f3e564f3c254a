import { join } from 'node:path'
import picomatch from 'picomatch'
import { unpackArtifact } from '../../artifacts/unpack.ts'
import { canonicalJson, sha256 } from '../../hashing/index.ts'
import {
  type CloudFormationRun,
  type DeployInputs,
  type Digest,
  type Json,
  short,
  usageError,
} from '../../model/index.ts'
import type { ArtifactStore, RolloutRequest } from '../../ports/index.ts'
import { withScratchFolder } from '../scratch-folder.ts'
import { readAssembly } from './cdk/assembly.ts'
import { publishAssets } from './cdk/publish-assets.ts'
import { codeOf } from './code.ts'
import { assertKnown, type Parameter, type ParameterSources, parametersOf, readParameterFile } from './parameters.ts'
import { fill, type Parts } from './parts.ts'
import { type Folder, packageTemplate, readInside, readTemplate } from './template/package-template.ts'
import type { Template } from './template/parse-template.ts'

export type WantedStack = {
  name: string
  /** With everything that lay beside it uploaded. */
  template: Template
  parameters: Parameter[]
  tags: Record<string, string>
  capabilities: string[]
  terminationProtection: boolean
  /** A stack policy as JSON; null: none is set. */
  policy: string | null
  stateful: readonly string[]
  importsExisting: boolean
  /** What was changed past CloudFormation is put back, too. */
  revertsDrift: boolean
  /** Digest of all that makes it, secrets by fingerprint: equal where the same is wanted. */
  content: string
}

type Asked = { request: RolloutRequest; run: CloudFormationRun; artifacts: ArtifactStore; signal: AbortSignal }

const maxPolicyBytes = 16 * 1024

/** Uploads what the stacks are made of; nothing else is changed. */
export async function wantedStacks(
  parts: Parts,
  request: RolloutRequest,
  artifacts: ArtifactStore,
  signal: AbortSignal,
): Promise<WantedStack[]> {
  const { run } = request.desired
  if (run.kind !== 'cloudformation') {
    throw usageError('WRONG_PLATFORM', `${request.service} is no stack of CloudFormation`, {
      hint: 'give it `run: { cloudformation: { template: … } }`, or another target',
    })
  }
  const asked: Asked = { request, run, artifacts, signal }
  return await withArtifact(asked, request.desired.artifact, (folder) =>
    run.source.kind === 'cdk' ? stacksOfApp(parts, folder, asked) : stackOfTemplate(parts, folder, asked),
  )
}

async function withArtifact<Result>(
  { artifacts, signal }: Asked,
  digest: Digest,
  use: (folder: Folder) => Promise<Result>,
): Promise<Result> {
  return await withScratchFolder('trunkline-stack-', async (scratch) => {
    const directory = join(scratch, short(digest))
    await unpackArtifact(artifacts, digest, directory, signal)
    return await use({ directory, scratch })
  })
}

async function stackOfTemplate(parts: Parts, folder: Folder, asked: Asked): Promise<WantedStack[]> {
  const { request, run, artifacts, signal } = asked
  if (run.source.kind !== 'template') return []
  const written = await readTemplate(folder, run.source.template)
  const code = await codeOf(parts, imagesOf(request.desired.deploy, run), request.service, artifacts, signal)
  const template = await packageTemplate(parts, folder, written, code, signal)
  const sources = await parameterSources(parts, asked)
  assertKnown([template], sources)
  return [
    wanted(parts, asked, {
      name: fill(parts, request.service, run.source.stack),
      template,
      parameters: parametersOf(template, sources),
      tags: filledTags(parts, asked),
      policy: await policyOf(folder, run),
    }),
  ]
}

async function stacksOfApp(parts: Parts, folder: Folder, asked: Asked): Promise<WantedStack[]> {
  const { request, run, signal } = asked
  if (run.source.kind !== 'cdk') return []
  const stacks = await readAssembly(folder, run.source.assembly, fill(parts, request.service, run.source.stack))
  for (const { assets } of stacks) await publishAssets(parts, folder, assets, signal)
  const sources = await parameterSources(parts, asked)
  assertKnown(
    stacks.map(({ template }) => template),
    sources,
  )
  const policy = await policyOf(folder, run)
  return stacks.map(({ name, template, parameters, tags, terminationProtection }) => {
    const one = wanted(parts, asked, {
      name,
      template,
      parameters: parametersOf(template, { ...sources, fixed: { ...parameters, ...sources.fixed } }),
      tags: { ...tags, ...filledTags(parts, asked) },
      policy,
    })
    return { ...one, terminationProtection: one.terminationProtection || terminationProtection }
  })
}

type Made = Pick<WantedStack, 'name' | 'template' | 'parameters' | 'tags' | 'policy'>

function wanted(parts: Parts, { request, run }: Asked, made: Made): WantedStack {
  const { template, parameters, tags, policy } = made
  const { capabilities, protect, importExisting: importsExisting } = run
  // Of a preview that was approved, nothing is added to.
  const revertsDrift = request.isRepair === true && request.preview === undefined
  const content = sha256(
    canonicalJson({
      template: sha256(template.text),
      parameters: parameters.map(({ name, value, isVariable }) => [name, isVariable ? null : value]),
      // Stands for the values of all variables, secret or not.
      fingerprint: request.desired.fingerprint,
      ...{ tags, capabilities, policy },
      role: roleOf(parts),
      ...(importsExisting ? { importsExisting } : {}),
      ...(revertsDrift ? { revertsDrift } : {}),
    }),
  ).slice(0, 40)
  return {
    ...{ ...made, content, capabilities, importsExisting, revertsDrift },
    ...{ terminationProtection: protect.termination, stateful: protect.stateful },
  }
}

export const roleOf = (parts: Parts): string | null =>
  parts.config.role === null ? null : fill(parts, '', parts.config.role)

async function parameterSources(parts: Parts, { request, run }: Asked): Promise<ParameterSources> {
  const { service, desired, variables } = request
  const files = await request.files()
  const fromFiles: Record<string, string> = {}
  for (const pattern of run.parameterFiles.map((path) => fill(parts, service, path))) {
    const matching = [...files.keys()]
      .filter((path) => path === pattern || picomatch.isMatch(path, pattern, { dot: true }))
      .sort()
    if (matching.length === 0 && !/[*?[{]/.test(pattern)) {
      throw usageError('PARAMETER_FILE_MISSING', `${pattern} is not in the repository`, {
        hint: `${service} takes parameters from it (\`parameterFiles\`)`,
      })
    }
    for (const path of matching) {
      Object.assign(fromFiles, readParameterFile(Buffer.from(files.get(path) ?? []).toString('utf8'), path))
    }
  }
  const fixed = Object.fromEntries(
    Object.entries(run.parameters).map(([name, value]) => [name, fill(parts, service, value)]),
  )
  const secrets = new Set(
    Object.entries(desired.env).flatMap(([name, variable]) => ('secret' in variable && variable.secret ? [name] : [])),
  )
  return { service, fixed, fromFiles, variables, secrets }
}

function filledTags(parts: Parts, { request, run }: Asked): Record<string, string> {
  return Object.fromEntries(
    Object.entries(run.tags).map(([name, value]) => [name, fill(parts, request.service, value)]),
  )
}

async function policyOf(folder: Folder, { protect: { policy } }: CloudFormationRun): Promise<string | null> {
  if (policy === null) return null
  const text = (await readInside(folder, policy, maxPolicyBytes)).toString('utf8')
  try {
    return JSON.stringify(JSON.parse(text) as Json)
  } catch (cause) {
    throw usageError('STACK_POLICY_INVALID', `${policy} is no JSON`, { cause, location: { file: policy } })
  }
}

/** The artifacts that `code` means. */
function imagesOf(deploy: DeployInputs | undefined, { code }: CloudFormationRun) {
  return Object.entries(code).map(([name, of]) => {
    const digest = deploy?.images[name]
    if (digest === undefined)
      throw usageError('NO_CODE', `${of} has no artifact in this release to be the code of ${name}`)
    return { name, service: of, digest }
  })
}
