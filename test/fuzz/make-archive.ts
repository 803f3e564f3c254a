/** Archives made entry by entry by hand, so that every field can lie; then a few bytes more are spoilt. */
import { crc32 } from 'node:zlib'
import { mutateBytes } from './mutate-bytes.ts'
import type { Random } from './random.ts'

const parts = [
  'a',
  'b',
  'A',
  'dir',
  'é',
  'e\u0301',
  '..',
  '.',
  '',
  'x'.repeat(120),
  'con',
  'a\\b',
  '\0',
  '\n',
  '-rf',
  '\u001b[2J',
]

function name(random: Random, neighbour: string): string {
  switch (random.int(10)) {
    case 0:
      return `${neighbour}/evil`
    case 1:
      return `${'../'.repeat(1 + random.int(6))}neighbour/evil`
    case 2:
      return random.pick([
        'C:\\evil',
        '..\\..\\evil',
        '\\\\host\\evil',
        'a/../../neighbour/evil',
        'dir/',
        './a',
        'a//b',
      ])
    case 3:
      return Array.from({ length: random.size(60) }, () => random.pick(parts)).join('/')
    default:
      return Array.from({ length: 1 + random.int(3) }, () => random.pick(['a', 'b', 'c', 'dir', 'link'])).join('/')
  }
}

const linkTarget = (random: Random, neighbour: string): string =>
  random.pick([
    'a',
    '../a',
    '..',
    '../../neighbour',
    neighbour,
    `${neighbour}/file`,
    '/etc/passwd',
    'dir/../..',
    'link',
    '.',
    '',
    'b/../../x',
  ])

const types = [
  '0',
  '0',
  '0',
  '0',
  '2',
  '2',
  '5',
  '5',
  '1',
  '3',
  '4',
  '6',
  '7',
  'x',
  'g',
  'L',
  'K',
  'S',
  'V',
  '\0',
  '9',
  'Z',
] as const

export function makeTar(random: Random, neighbour: string): Buffer {
  const blocks: Buffer[] = []
  for (let left = 1 + random.size(12); left > 0; left -= 1) blocks.push(...tarEntry(random, neighbour))
  if (!random.oneIn(6)) blocks.push(Buffer.alloc(1024))
  if (random.oneIn(12)) blocks.push(Buffer.from('trailing'.repeat(100)))
  const archive = Buffer.concat(blocks)
  return random.oneIn(3) ? mutateBytes(random, archive) : archive
}

function tarEntry(random: Random, neighbour: string): Buffer[] {
  const type = random.pick(types)
  const content = contentOf(random, type, neighbour)
  const said = random.oneIn(15)
    ? random.pick([0, 1, content.length + 1, 2 ** 33 - 1, 8 * 2 ** 30, 511, 0o77777777777])
    : content.length
  const header = Buffer.alloc(512)
  header.write(name(random, neighbour), 0, 100, 'utf8')
  header.write(random.pick(['0000644', '0000755', '0004755', '0007777', '9999999', '']), 100)
  header.write('0000000', 108)
  header.write('0000000', 116)
  if (random.oneIn(40)) header.fill(random.pick([0x80, 0xff]), 124, 136)
  else header.write(said.toString(8).padStart(11, '0').slice(-11), 124)
  header.write('00000000000', 136)
  header.write(type, 156)
  if (type === '1' || type === '2') header.write(linkTarget(random, neighbour), 157, 100, 'utf8')
  header.write(random.oneIn(20) ? 'ustar  \0' : 'ustar\x0000', 257)
  if (random.oneIn(15)) header.write(random.pick(['..', '/', neighbour, 'p'.repeat(155)]), 345, 155, 'utf8')
  checkSum(header)
  return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]
}

function contentOf(random: Random, type: string, neighbour: string): Buffer {
  if (type === 'x' || type === 'g') return paxRecords(random, neighbour)
  if (type === 'L' || type === 'K') return Buffer.from(`${name(random, neighbour)}\0`)
  if (type === '0' || type === '7' || random.oneIn(10)) return Buffer.alloc(random.size(3_000), 0x61)
  return Buffer.alloc(0)
}

function paxRecords(random: Random, neighbour: string): Buffer {
  const records = Array.from({ length: 1 + random.int(4) }, () => {
    const key = random.pick([
      'path',
      'linkpath',
      'size',
      'uid',
      '__proto__',
      'GNU.sparse.realsize',
      'SCHILY.xattr.x',
      'hdrcharset',
      '',
    ])
    const value =
      key === 'size'
        ? random.pick(['0', '-1', '1e9', '99999999999999999999', 'x', '10'])
        : key === 'linkpath'
          ? linkTarget(random, neighbour)
          : name(random, neighbour)
    const body = ` ${key}=${value}\n`
    const length = Buffer.byteLength(body)
    const whole = length + String(length + String(length).length).length
    return `${random.oneIn(12) ? random.pick(['-5', '0', '999999', '1', 'x', '']) : whole}${body}`
  })
  return Buffer.from(records.join(''))
}

function checkSum(header: Buffer): void {
  header.fill(0x20, 148, 156)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
}

export function makeZip(random: Random, neighbour: string): Buffer {
  const entries: Buffer[] = []
  const records: Buffer[] = []
  let offset = 0
  for (let left = 1 + random.size(8); left > 0; left -= 1) {
    const isLink = random.oneIn(5)
    const content = Buffer.from(isLink ? linkTarget(random, neighbour) : 'a'.repeat(random.size(2_000)))
    const entryName = Buffer.from(name(random, neighbour))
    const crc = random.oneIn(20) ? 1 : crc32(content)
    const size = random.oneIn(20) ? random.pick([0, 0xffffffff, content.length + 1]) : content.length
    const method = random.oneIn(25) ? 8 : 0
    const local = Buffer.alloc(30)
    local.writeUInt32LE(0x04034b50, 0)
    local.writeUInt16LE(method, 8)
    local.writeUInt32LE(crc, 14)
    local.writeUInt32LE(content.length, 18)
    local.writeUInt32LE(size, 22)
    local.writeUInt16LE(entryName.length, 26)
    const record = Buffer.alloc(46)
    record.writeUInt32LE(0x02014b50, 0)
    record.writeUInt16LE(method, 10)
    record.writeUInt32LE(crc, 16)
    record.writeUInt32LE(content.length, 20)
    record.writeUInt32LE(size, 24)
    record.writeUInt16LE(entryName.length, 28)
    const mode = isLink ? 0o120777 : random.pick([0o100644, 0o100755, 0o104755, 0o020644, 0o040755, 0])
    record.writeUInt32LE((mode * 0x10000) >>> 0, 38)
    record.writeUInt32LE(random.oneIn(20) ? random.int(200) : offset, 42)
    entries.push(local, entryName, content)
    records.push(record, entryName)
    offset += 30 + entryName.length + content.length
  }
  const directory = Buffer.concat(records)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(random.oneIn(20) ? 0xffff : records.length / 2, 10)
  end.writeUInt32LE(random.oneIn(20) ? 0xffffffff : directory.length, 12)
  end.writeUInt32LE(random.oneIn(20) ? 0 : offset, 16)
  const archive = Buffer.concat([...entries, directory, end])
  return random.oneIn(3) ? mutateBytes(random, archive) : archive
}
