/** Values as Terraform hands them to providers: MessagePack, where what is not known yet is an extension. */

export type Value = null | boolean | number | string | Unknown | Value[] | { [name: string]: Value }

/** Known after apply. What is known of it all the same stays in its bytes. */
export class Unknown {
  readonly bytes: Buffer

  constructor(bytes: Buffer = Buffer.from([0xd4, 0, 0])) {
    this.bytes = bytes
  }
}

export function pack(value: Value): Buffer {
  if (value === null) return Buffer.from([0xc0])
  if (value instanceof Unknown) return value.bytes
  if (typeof value === 'boolean') return Buffer.from([value ? 0xc3 : 0xc2])
  if (typeof value === 'number') return packNumber(value)
  if (typeof value === 'string') {
    const bytes = Buffer.from(value)
    return Buffer.concat([head(0xdb, bytes.length), bytes])
  }
  if (Array.isArray(value)) return Buffer.concat([head(0xdd, value.length), ...value.map(pack)])
  const entries = Object.entries(value)
  return Buffer.concat([head(0xdf, entries.length), ...entries.flatMap(([name, held]) => [pack(name), pack(held)])])
}

function head(kind: number, length: number): Buffer {
  const bytes = Buffer.alloc(5)
  bytes[0] = kind
  bytes.writeUInt32BE(length, 1)
  return bytes
}

function packNumber(value: number): Buffer {
  const bytes = Buffer.alloc(9)
  if (Number.isSafeInteger(value)) {
    bytes[0] = 0xd3
    bytes.writeBigInt64BE(BigInt(value), 1)
  } else {
    bytes[0] = 0xcb
    bytes.writeDoubleBE(value, 1)
  }
  return bytes
}

export function unpack(bytes: Buffer): Value {
  let at = 0
  const take = (length: number) => {
    const part = bytes.subarray(at, at + length)
    if (part.length < length) throw new Error('a value ends too soon')
    at += length
    return part
  }
  const unsigned = (length: number) => (length === 0 ? 0 : take(length).readUIntBE(0, length))
  const list = (length: number) => Array.from({ length }, value)
  const map = (length: number) => {
    const entries: Array<[string, Value]> = []
    for (let index = 0; index < length; index++) entries.push([String(value()), value()])
    return Object.fromEntries(entries)
  }
  const unknown = (from: number, length: number) => {
    take(length + 1)
    return new Unknown(bytes.subarray(from, at))
  }

  function value(): Value {
    const from = at
    const kind = take(1)[0] ?? 0
    if (kind < 0x80) return kind
    if (kind < 0x90) return map(kind & 0x0f)
    if (kind < 0xa0) return list(kind & 0x0f)
    if (kind < 0xc0) return take(kind & 0x1f).toString('utf8')
    if (kind >= 0xe0) return kind - 0x100
    switch (kind) {
      case 0xc0:
        return null
      case 0xc2:
        return false
      case 0xc3:
        return true
      case 0xc7:
      case 0xc8:
      case 0xc9:
        return unknown(from, unsigned(2 ** (kind - 0xc7)))
      case 0xca:
        return take(4).readFloatBE()
      case 0xcb:
        return take(8).readDoubleBE()
      case 0xcc:
      case 0xcd:
      case 0xce:
        return unsigned(2 ** (kind - 0xcc))
      case 0xcf:
        return Number(take(8).readBigUInt64BE())
      case 0xd0:
        return take(1).readInt8()
      case 0xd1:
        return take(2).readInt16BE()
      case 0xd2:
        return take(4).readInt32BE()
      case 0xd3:
        return Number(take(8).readBigInt64BE())
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        return unknown(from, 2 ** (kind - 0xd4))
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return take(unsigned(2 ** (kind - 0xc4))).toString('utf8')
      case 0xd9:
      case 0xda:
      case 0xdb:
        return take(unsigned(2 ** (kind - 0xd9))).toString('utf8')
      case 0xdc:
      case 0xdd:
        return list(unsigned(kind === 0xdc ? 2 : 4))
      case 0xde:
      case 0xdf:
        return map(unsigned(kind === 0xde ? 2 : 4))
      default:
        throw new Error(`a value of kind ${kind} is not known`)
    }
  }
  return value()
}
