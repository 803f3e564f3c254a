/** A template with all that lies beside it uploaded, and the addresses put in: what `aws cloudformation package` does. */
import { randomBytes } from 'node:crypto'
import { readFile, rm, stat } from 'node:fs/promises'
import { join, posix, relative, sep } from 'node:path'
import { createScratchFile } from '../../../artifacts/packing/scratch-file.ts'
import { selectFiles } from '../../../artifacts/packing/select-files.ts'
import { writeZip } from '../../../artifacts/packing/zip.ts'
import { failedError, type Json } from '../../../model/index.ts'
import { uploadByContent } from '../bucket.ts'
import type { Parts } from '../parts.ts'
import { editTemplate, type ValueEdit } from './edit-template.ts'
import { codeReference, type LocalReference, localReferences, type Uploaded } from './local-references.ts'
import { parseTemplate, type Template } from './parse-template.ts'

/** The artifact's files. */
export type Folder = { directory: string; scratch: string }

/** Code that comes from elsewhere: what to write for a function, by its name in the template. */
export type Code = Readonly<Record<string, (property: string) => Json>>

const maxDepth = 8
/** What Lambda takes at most, with room. */
const maxFileBytes = 512 * 1024 * 1024
const maxTemplateBytes = 1024 * 1024

export async function readTemplate(folder: Folder, file: string): Promise<Template> {
  return parseTemplate((await readInside(folder, file, maxTemplateBytes)).toString('utf8'), file)
}

/** Idempotent: what is there already, is not uploaded again. */
export async function packageTemplate(
  parts: Parts,
  folder: Folder,
  template: Template,
  code: Code,
  signal: AbortSignal,
  depth = 0,
): Promise<Template> {
  if (depth > maxDepth) throw failedError('TEMPLATES_TOO_DEEP', `${template.file} is nested more than ${maxDepth} deep`)
  const edits: ValueEdit[] = Object.entries(code).map(([name, write]) => codeEdit(template, name, write))
  for (const reference of localReferences(template)) {
    if (Object.hasOwn(code, reference.name)) continue
    const uploaded = await uploadReference(parts, folder, template, reference, signal, depth)
    edits.push({ pair: reference.pair, value: reference.kind.write(uploaded) })
  }
  return edits.length === 0 ? template : parseTemplate(editTemplate(template.text, edits), template.file)
}

function codeEdit(template: Template, name: string, write: Code[string]): ValueEdit {
  const found = codeReference(template, name)
  if (found === null) {
    throw failedError('NO_SUCH_FUNCTION', `${template.file} has no function or layer ${name} to put code in`, {
      hint: '`code` names resources of the template, and the services whose artifacts they are made of',
    })
  }
  if (found.pair === null) {
    throw failedError('NO_PLACE_FOR_CODE', `${name} of ${template.file} has no \`${found.property}\` to be filled in`, {
      hint: `write \`${found.property}: {}\` there, and it is replaced`,
    })
  }
  return { pair: found.pair, value: write(found.property) }
}

async function uploadReference(
  parts: Parts,
  folder: Folder,
  template: Template,
  { path, kind, name, property }: LocalReference,
  signal: AbortSignal,
  depth: number,
): Promise<Uploaded> {
  const what = `${name}.${property} of ${template.file}`
  const file = besides(template.file, path, what)
  if (kind.packs === 'template') {
    const nested = await packageTemplate(parts, folder, await readTemplate(folder, file), {}, signal, depth + 1)
    return await uploadByContent(parts, { bytes: Buffer.from(nested.text), suffix: '.template' }, what, signal)
  }
  const isFolder = kind.packs === 'zip' && (await isDirectory(folder, file))
  const bytes = isFolder ? await zipFolder(folder, file, signal) : await readInside(folder, file, maxFileBytes)
  return await uploadByContent(parts, { bytes, suffix: isFolder ? '.zip' : suffixOf(file) }, what, signal)
}

/** A path beside the template, in the artifact. */
function besides(template: string, path: string, what: string): string {
  const found = posix.normalize(posix.join(posix.dirname(template), path)).replace(/\/$/, '')
  if (found === '..' || found.startsWith('../') || path.startsWith('/')) {
    throw failedError('FILE_OUTSIDE_ARTIFACT', `${what} is ${path}, which leads out of the artifact`)
  }
  return found
}

const suffixOf = (file: string): string => posix.extname(file)

async function isDirectory({ directory }: Folder, file: string): Promise<boolean> {
  return await stat(join(directory, file)).then(
    (status) => status.isDirectory(),
    () => false,
  )
}

export async function readInside({ directory }: Folder, file: string, maxBytes: number): Promise<Buffer> {
  const path = join(directory, file)
  if (relative(directory, path).split(sep)[0] === '..') throw failedError('FILE_OUTSIDE_ARTIFACT', `${file} leads out`)
  const status = await stat(path).catch(() => null)
  if (!status?.isFile()) {
    throw failedError('NOT_IN_ARTIFACT', `${file} is not in the artifact`, {
      hint: 'does `include` of the artifact name it, and does the build write it?',
    })
  }
  if (status.size > maxBytes) throw failedError('FILE_TOO_LARGE', `${file} is larger than ${maxBytes} bytes`)
  return await readFile(path)
}

/** The same files give the same zip. */
export async function zipFolder({ directory, scratch }: Folder, folder: string, signal: AbortSignal): Promise<Buffer> {
  const from = join(directory, folder)
  const path = join(scratch, `${randomBytes(6).toString('hex')}.zip`)
  const archive = await createScratchFile(path)
  try {
    await writeZip(archive, from, await selectFiles({ directory: from, include: ['**'], exclude: [], signal }), signal)
    await archive.finish()
    return await readFile(path)
  } catch (error) {
    await archive.abandon()
    throw error
  } finally {
    await rm(path, { force: true })
  }
}
