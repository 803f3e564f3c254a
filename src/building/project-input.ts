import type { InputFile } from '../ports/index.ts'

/** The bytes a build sees of an input: all, or with `keys` a document of just those keys, as they count into its hash. */
export async function projectInput(file: InputFile, content: Buffer): Promise<Uint8Array> {
  if (file.keys === undefined) return content
  // Parsers of four formats: loaded where a project asks for them.
  const { projectKeys } = await import('../planning/inputs/selecting.ts')
  return Buffer.from(projectKeys(content.toString('utf8'), file.path, file.keys), 'utf8')
}
