/**
 * The `Install` event: what the last revision brought is taken away, then this one's files are copied. What is brought is
 * written down before the first byte of it, so that a run after a crash takes away the half that was there.
 */
import {
  chmodSync,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import { z } from 'zod'
import { failedError } from '../../../model/index.ts'
import { readJson, writeJsonDurably } from '../agent/durable-file.ts'
import type { Appspec, FileEntry } from './appspec.ts'
import { bundlePath } from './bundle-path.ts'

/** Absolute paths, folders before what is in them. */
const installedSchema = z.object({ version: z.literal(1), files: z.array(z.string()), folders: z.array(z.string()) })
export type Installed = z.infer<typeof installedSchema>

type Copy = { from: string; to: string }

export type InstallRequest = {
  /** The unpacked artifact. */
  bundle: string
  appspec: Appspec
  /** Where it is written down what is installed. */
  record: string
  log(line: string): void
}

/** Copies the files; answers their paths. Fails with `APPSPEC_FILES` where the bundle or the host does not fit. */
export function installFiles({ bundle, appspec, record, log }: InstallRequest): Installed {
  const copies = appspec.files.flatMap((entry) => copiesOf(bundle, entry))
  const before = readJson(record, installedSchema) ?? { version: 1, files: [], folders: [] }
  const kept = retained(copies, before, appspec, log)
  removeInstalled(before)
  const wanted = copies.filter(({ to }) => !kept.has(to))
  const folders = missingFolders(wanted)
  const installed: Installed = { version: 1, files: wanted.map(({ to }) => to), folders }
  writeJsonDurably(record, installed)
  for (const folder of folders) mkdirSync(folder, { recursive: true })
  for (const { from, to } of wanted) copy(from, to)
  return installed
}

/** Takes away what a revision brought, and folders that are empty then. */
export function removeInstalled({ files, folders }: Installed): void {
  for (const file of files) rmSync(file, { force: true })
  for (const folder of [...folders].reverse()) {
    try {
      rmdirSync(folder)
    } catch {
      // Something of somebody else's is in it.
    }
  }
}

export const readInstalled = (record: string): Installed | null => readJson(record, installedSchema)

/** A folder's content goes into the destination; a file goes into it under its own name. */
function copiesOf(bundle: string, { source, destination }: FileEntry): Copy[] {
  const from = bundlePath(bundle, source)
  if (from === null) throw unfit(`files: ${source} leads out of the bundle`)
  if (!isAbsolute(destination)) throw unfit(`files: the destination ${destination} is not an absolute path`)
  const status = lstatSync(from, { throwIfNoEntry: false })
  if (status === undefined) throw unfit(`files: the bundle has no ${source}`)
  if (!status.isDirectory()) return [{ from, to: join(resolve(destination), basename(from)) }]
  return filesBelow(from).map((path) => ({ from: join(from, path), to: join(resolve(destination), path) }))
}

function filesBelow(folder: string, prefix = ''): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(prefix, entry.name)
    return entry.isDirectory() ? filesBelow(join(folder, entry.name), path) : [path]
  })
}

/** Files that are there and were not brought by the last revision: who may stay, and whether that is a failure. */
function retained(copies: readonly Copy[], before: Installed, { fileExists }: Appspec, log: (line: string) => void) {
  const ours = new Set(before.files)
  const strangers = copies.filter(({ to }) => !ours.has(to) && lstatSync(to, { throwIfNoEntry: false }) !== undefined)
  const [first] = strangers
  if (first !== undefined && fileExists === 'DISALLOW') {
    throw unfit(
      `${first.to} exists already and is not of an earlier revision`,
      'set file_exists_behavior to OVERWRITE or RETAIN',
    )
  }
  if (fileExists !== 'RETAIN') return new Set<string>()
  for (const { to } of strangers) log(`kept ${to}`)
  return new Set(strangers.map(({ to }) => to))
}

function missingFolders(copies: readonly Copy[]): string[] {
  const missing = new Set<string>()
  for (const { to } of copies) {
    const chain: string[] = []
    for (
      let folder = dirname(to);
      lstatSync(folder, { throwIfNoEntry: false }) === undefined;
      folder = dirname(folder)
    ) {
      chain.unshift(folder)
    }
    for (const folder of chain) missing.add(folder)
  }
  return [...missing]
}

/** Put beside and renamed would be kinder to readers; CodeDeploy replaces in place, and scripts stop what reads. */
function copy(from: string, to: string): void {
  const status = lstatSync(from)
  rmSync(to, { force: true })
  if (status.isSymbolicLink()) symlinkSync(readlinkSync(from), to)
  else {
    copyFileSync(from, to)
    chmodSync(to, status.mode & 0o777)
  }
}

const unfit = (message: string, hint?: string) =>
  failedError('APPSPEC_FILES', message, hint === undefined ? {} : { hint })
