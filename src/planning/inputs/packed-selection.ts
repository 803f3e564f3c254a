/**
 * A selection and its tree as bytes, for a cache on disk. What is read back is looked at no further than it is asked
 * for: the lists of a thousand services stay bytes, but for the few that a change touches.
 */
import { type CommitId, ListedTree, type ObjectId, type Reason } from '../../model/index.ts'
import { FileRows } from './file-rows.ts'
import { SelectedFiles, type Selecting } from './selected-files.ts'
import type { SelectedInput, Selection, ServiceInputs } from './selected-input.ts'

/** What was found out about one commit, and how to tell which other commits it holds for. */
export type KeptSelection = {
  commit: CommitId
  /** Of the commit: the same for the same content. */
  treeId: ObjectId
  tree: ListedTree
  selection: Selection
  /** Objects whose content decided what is an input. */
  contents: { has(oid: ObjectId): boolean; keys(): Iterable<ObjectId> }
}

/** As this machine writes numbers: bytes of another one are not taken for ours. */
const magic = 0x74_6b_73_31
const alignment = 4

type Section = 'lines' | 'starts' | 'paths' | 'runs' | 'texts'
/** Of its runs and of the texts of its claims and keyed files where each begins and ends; its digest. */
type PackedList = [
  runsFrom: number,
  runsTo: number,
  claimsFrom: number,
  claimsTo: number,
  keyedFrom: number,
  keyedTo: number,
  digest: string,
]
/** Lists by number, and notes. */
type PackedService = [inputs: number, checkInputs: number, deployInputs: number, prepare: number, notes: Reason[]]
type Head = {
  commit: CommitId
  treeId: ObjectId
  read: string
  sections: Record<Section, [from: number, to: number]>
  lists: PackedList[]
  services: Record<string, PackedService>
}

/** Pieces to be written one after the other. */
export function packSelection(kept: KeptSelection): Uint8Array[] {
  const lists: PackedList[] = []
  const numbers = new Map<SelectedFiles, number>()
  const runs: Int32Array[] = []
  const texts: Buffer[] = []
  let runsAt = 0
  let textsAt = 0
  const putText = (value: unknown[]): [number, number] => {
    if (value.length === 0) return [textsAt, textsAt]
    const text = Buffer.from(JSON.stringify(value))
    texts.push(text)
    textsAt += text.length
    return [textsAt - text.length, textsAt]
  }
  const numberOf = (files: SelectedFiles): number => {
    const known = numbers.get(files)
    if (known !== undefined) return known
    const { rows, claims, keyed } = files.parts()
    const own = rows.runs()
    runs.push(own)
    runsAt += own.length
    const number =
      lists.push([
        runsAt - own.length,
        runsAt,
        ...putText(Array.isArray(claims) ? claims.map(plainClaim) : claimsIn(claims)),
        ...putText([...keyed]),
        files.digest(),
      ]) - 1
    numbers.set(files, number)
    return number
  }
  const services = Object.fromEntries(
    Object.entries(kept.selection).map(([name, of]): [string, PackedService] => [
      name,
      [numberOf(of.inputs), numberOf(of.checkInputs), numberOf(of.deployInputs), numberOf(of.prepare), of.notes],
    ]),
  )
  const { lines, starts, paths } = kept.tree.parts()
  const pieces: Array<[Section, Uint8Array]> = [
    ['starts', bytesOf(starts)],
    ['paths', bytesOf(paths)],
    ['runs', Buffer.concat(runs.map(bytesOf))],
    ['texts', Buffer.concat(texts)],
    ['lines', lines],
  ]
  const sections: Head['sections'] = { lines: [0, 0], starts: [0, 0], paths: [0, 0], runs: [0, 0], texts: [0, 0] }
  let at = 0
  for (const [name, bytes] of pieces) {
    sections[name] = [at, at + bytes.length]
    at += padded(bytes.length)
  }
  const { commit, treeId } = kept
  const read = [...kept.contents.keys()].join(' ')
  const head = Buffer.from(JSON.stringify({ commit, treeId, read, sections, lists, services } satisfies Head))
  return [
    bytesOf(Uint32Array.of(magic, head.length)),
    head,
    padding(head.length),
    ...pieces.flatMap(([, bytes]) => [bytes, padding(bytes.length)]),
  ]
}

/** What `packSelection` packed, from bytes that are known to be whole; null where they are of another kind of machine. */
export function unpackSelection(packed: Uint8Array): KeptSelection | null {
  const bytes = aligned(packed)
  const [kind, headLength = 0] = numbersOf(Uint32Array, bytes.subarray(0, 8))
  if (kind !== magic) return null
  const { commit, treeId, read, sections, lists, services } = JSON.parse(
    bytes.toString('utf8', 8, 8 + headLength),
  ) as Head // packed above
  const begin = 8 + padded(headLength)
  const section = (name: Section) => bytes.subarray(begin + sections[name][0], begin + sections[name][1])
  const tree = ListedTree.fromParts({
    lines: section('lines'),
    starts: numbersOf(Uint32Array, section('starts')),
    paths: numbersOf(Uint32Array, section('paths')),
  })
  const runs = numbersOf(Int32Array, section('runs'))
  const texts = section('texts')
  const made = lists.map(([runsFrom, runsTo, claimsFrom, claimsTo, keyedFrom, keyedTo, digest]) => {
    const keyed = parseItems(texts.subarray(keyedFrom, keyedTo)) as Array<[number, SelectedInput]> // as packed
    return SelectedFiles.restored(
      tree,
      {
        rows: FileRows.fromRuns(runs.subarray(runsFrom, runsTo)),
        claims: new PackedClaims(texts.subarray(claimsFrom, claimsTo)),
        keyed: keyed.length === 0 ? noKeys : new Map(keyed),
      },
      digest,
    )
  })
  const listAt = (number: number): SelectedFiles => {
    const list = made[number]
    if (list === undefined) throw new RangeError(`no packed list ${number}`)
    return list
  }
  const selection = Object.fromEntries(
    Object.entries(services).map(
      ([name, [inputs, checkInputs, deployInputs, prepare, notes]]): [string, ServiceInputs] => [
        name,
        {
          inputs: listAt(inputs),
          checkInputs: listAt(checkInputs),
          deployInputs: listAt(deployInputs),
          prepare: listAt(prepare),
          notes,
        },
      ],
    ),
  )
  const contents = new Set(read.split(' ')) as Set<ObjectId> // as packed
  return { commit, treeId, tree, selection, contents }
}

/** Claims of one list, parsed when the first file of it is looked at. */
class PackedClaims {
  readonly #text: Buffer
  #claims: Selecting[] | null = null

  constructor(text: Buffer) {
    this.#text = text
  }

  get all(): Selecting[] {
    this.#claims ??= parseItems(this.#text) as Selecting[] // as packed
    return this.#claims
  }

  at(index: number): Selecting | undefined {
    return this.all[index]
  }
}

const claimsIn = (claims: unknown): Selecting[] => (claims instanceof PackedClaims ? claims.all : [])

/** What a claim says of its files, without the positions that it wanted. */
const plainClaim = ({ input, rule, because }: Selecting): Selecting =>
  because === undefined ? { input, rule } : { input, rule, because }

const noKeys: ReadonlyMap<number, SelectedInput> = new Map()
const parseItems = (text: Buffer): unknown[] => (text.length === 0 ? [] : JSON.parse(text.toString('utf8')))
const padded = (length: number): number => Math.ceil(length / alignment) * alignment
const padding = (length: number): Uint8Array => new Uint8Array(padded(length) - length)
const bytesOf = (numbers: Int32Array | Uint32Array): Uint8Array =>
  new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)

function numbersOf<Numbers>(
  make: { new (buffer: ArrayBufferLike, from: number, count: number): Numbers },
  bytes: Buffer,
): Numbers {
  return new make(bytes.buffer, bytes.byteOffset, bytes.length / alignment)
}

/** Numbers can only be read where they lie at a multiple of their size. */
function aligned(bytes: Uint8Array): Buffer {
  return bytes.byteOffset % alignment === 0
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    : Buffer.from(Uint8Array.from(bytes).buffer)
}
