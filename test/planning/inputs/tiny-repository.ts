/** Trees and projects for these tests, in a few lines: contents stand for blobs, and their digests for object ids. */
import { sha256 } from '../../../src/hashing/index.ts'
import type { EntryMode, ObjectId, Project, Reason, Service, TreeEntry } from '../../../src/model/index.ts'
import { type FileContents, hashInputs, type InputHashes, type Selection } from '../../../src/planning/inputs/index.ts'
import { filesToRead, maximumReadRounds, selectInputs } from '../../../src/planning/inputs/selecting.ts'

/** Path to text, or to what is not a plain file. */
export type Files = Record<string, string | { mode: EntryMode; content: string }>

export const link = (target: string) => ({ mode: 'symlink' as const, content: target })
export const executable = (content: string) => ({ mode: 'executable' as const, content })
export const submodule = (commit: string) => ({ mode: 'submodule' as const, content: commit })

const objectId = (content: string): ObjectId => sha256(content) as ObjectId // 64 hex digits

export function treeOf(files: Files): TreeEntry[] {
  return Object.entries(files)
    .map(([path, file]) =>
      typeof file === 'string'
        ? { path, mode: 'file' as const, oid: objectId(file) }
        : { path, mode: file.mode, oid: objectId(file.content) },
    )
    .sort((left, right) => (left.path < right.path ? -1 : 1))
}

/** Reads in rounds, as the engine does; answers how many rounds it took. */
export function readFiles(project: Project, files: Files): { contents: FileContents; rounds: number } {
  const tree = treeOf(files)
  const blobs = new Map(
    Object.values(files).map((file) => {
      const content = typeof file === 'string' ? file : file.content
      return [objectId(content), new TextEncoder().encode(content)]
    }),
  )
  const contents = new Map<ObjectId, Uint8Array>()
  for (let rounds = 0; rounds < maximumReadRounds; rounds += 1) {
    const wanted = filesToRead(project, tree, contents)
    if (wanted.length === 0) return { contents, rounds }
    for (const { oid } of wanted) contents.set(oid, blobs.get(oid) ?? new Uint8Array())
  }
  throw new Error('reading did not come to an end')
}

export function serviceOf(name: string, part: Partial<Service> = {}): Service {
  return {
    name,
    path: `services/${name}`,
    inputs: [],
    checkInputs: [],
    deployInputs: [],
    ignore: [],
    infer: true,
    needs: [],
    checks: {},
    build: { run: 'make', timeoutMs: 1, env: { set: {}, pass: [] } },
    artifact: { kind: 'bundle', from: '', include: ['**'], exclude: [] },
    rebuild: null,
    run: null,
    env: {},
    deployAfter: [],
    target: null,
    ...part,
  }
}

export function projectOf(services: Service[], part: Partial<Project> = {}): Project {
  return {
    name: 'shop',
    trunk: 'main',
    shared: [],
    builds: { on: null, parallel: null },
    artifacts: { kind: 'oci-layout', path: null },
    platform: null,
    tools: {},
    prepare: null,
    services: Object.fromEntries(services.map((service) => [service.name, service])),
    environments: {},
    tasks: {},
    people: {},
    builders: [],
    notify: [],
    state: { remote: 'origin', prefix: 'refs/trunkline', leaseTtlMs: 1 },
    ...part,
  }
}

export function select(project: Project, files: Files): Selection {
  return selectInputs(project, treeOf(files), readFiles(project, files).contents)
}

export function hash(project: Project, files: Files, environmentValues: Record<string, string> = {}): InputHashes {
  return hashInputs({ project, selection: select(project, files), platform: 'linux/x64', environmentValues })
}

/** `path (rule)` of each build input. */
export const inputsOf = (selection: Selection, name: string): string[] =>
  (selection[name]?.inputs ?? []).map((input) => `${input.entry.path} (${input.rule})`)

export const pathsOf = (
  selection: Selection,
  name: string,
  list: 'inputs' | 'checkInputs' | 'deployInputs' = 'inputs',
): string[] => (selection[name]?.[list] ?? []).map((input) => input.entry.path)

export const notesOf = (selection: Selection, name: string): Reason[] => selection[name]?.notes ?? []
export const noteCodes = (selection: Selection, name: string): string[] =>
  notesOf(selection, name).map((note) => note.code)
