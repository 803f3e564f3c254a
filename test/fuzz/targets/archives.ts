/** Archives from a store that someone else can write to, through the code that unpacks them on hosts and in builds. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { createExtraction } from '../../../src/artifacts/unpacking/extraction.ts'
import { untar } from '../../../src/artifacts/unpacking/untar.ts'
import { unzip } from '../../../src/artifacts/unpacking/unzip.ts'
import { makeTar, makeZip } from '../make-archive.ts'
import { type Input, type Kind, promise, type Target } from '../target.ts'

/** Small, so that bombs are small too. */
const bounds = { entries: 200, totalBytes: 1_000_000, pathBytes: 1_000 }

/** A folder in memory where the system has one: a file that gets out of `out` shows up beside it. */
let root = ''

async function inFolder(work: (out: string) => Promise<void>): Promise<void> {
  const out = join(root, 'out')
  mkdirSync(out)
  try {
    await work(out)
  } finally {
    rmSync(out, { recursive: true, force: true })
    const beside = readdirSync(root).sort().join()
    const untouched =
      readFileSync(join(root, 'neighbour', 'file'), 'utf8') === 'mine' &&
      readdirSync(join(root, 'neighbour')).length === 1
    promise(beside === 'neighbour' && untouched, `something was written outside of the folder: ${beside}`)
  }
}

const bytes = (input: Input): Buffer => Buffer.from(input)

const tars: Kind = {
  name: 'tar',
  make: (random) => makeTar(random, join(root, 'neighbour')),
  run: (input) =>
    inFolder(async (out) => {
      const extraction = createExtraction(out, bounds)
      await untar(
        Readable.from(inPieces(bytes(input)), { objectMode: false }),
        extraction,
        new AbortController().signal,
      )
      await extraction.finish()
    }),
}

/** Headers arrive in two reads now and then. */
function inPieces(content: Buffer): Buffer[] {
  const cut = content.length % 700
  return content.length % 3 === 0 ? [content.subarray(0, cut), content.subarray(cut)] : [content]
}

const zips: Kind = {
  name: 'zip',
  make: (random) => makeZip(random, join(root, 'neighbour')),
  run: (input) =>
    inFolder(async (out) => {
      const path = join(out, '..', 'neighbour', 'file')
      const file = join(out, 'layer.zip')
      writeFileSync(file, bytes(input))
      const unpacked = join(out, 'unpacked')
      mkdirSync(unpacked)
      await using handle = await open(file, 'r')
      const extraction = createExtraction(unpacked, bounds)
      await unzip(handle, bytes(input).length, extraction, new AbortController().signal)
      await extraction.finish()
      promise(readFileSync(path, 'utf8') === 'mine', 'a neighbour was overwritten')
    }),
}

export const archivesTarget: Target = {
  name: 'archives',
  kinds: [tars, tars, zips],
  async open() {
    const memory = '/dev/shm'
    const parent = (() => {
      try {
        return mkdtempSync(join(memory, 'trunkline-fuzz-'))
      } catch {
        return mkdtempSync(join(tmpdir(), 'trunkline-fuzz-'))
      }
    })()
    root = parent
    mkdirSync(join(root, 'neighbour'))
    writeFileSync(join(root, 'neighbour', 'file'), 'mine')
  },
  async close() {
    rmSync(root, { recursive: true, force: true })
  },
}
