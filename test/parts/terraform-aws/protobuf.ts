/** As much of protocol buffers as a provider of Terraform needs: fields of bytes, text, messages, numbers, flags. */

export type Field = Buffer | string | number | boolean

/** A message of fields by number; several of one number are told as a list. */
export function encode(fields: Readonly<Record<number, Field | readonly Field[]>>): Buffer {
  const parts: Buffer[] = []
  for (const [number, given] of Object.entries(fields)) {
    const values: readonly Field[] = Array.isArray(given) ? given : [given as Field] // What is no list is a field.
    for (const value of values) parts.push(encodeField(Number(number), value))
  }
  return Buffer.concat(parts)
}

function encodeField(number: number, value: Field): Buffer {
  if (typeof value === 'number' || typeof value === 'boolean') {
    return Buffer.concat([varint(number << 3), varint(Number(value))])
  }
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let left = value
  while (left > 0x7f) {
    bytes.push((left & 0x7f) | 0x80)
    left = Math.floor(left / 128)
  }
  return Buffer.from([...bytes, left])
}

/** Fields of a message: bytes, or a number. The last of each number counts. */
export function decode(message: Buffer): Map<number, Buffer | number> {
  const fields = new Map<number, Buffer | number>()
  let at = 0
  const number = () => {
    let value = 0
    for (let shift = 1; ; shift *= 128) {
      const byte = message[at++]
      if (byte === undefined) throw new Error('a message of the provider protocol ends too soon')
      value += (byte & 0x7f) * shift
      if (byte < 0x80) return value
    }
  }
  while (at < message.length) {
    const tag = number()
    const kind = tag & 7
    if (kind === 0) fields.set(tag >> 3, number())
    else if (kind === 2) {
      const length = number()
      fields.set(tag >> 3, message.subarray(at, at + length))
      at += length
    } else throw new Error(`a field of kind ${kind} is not known`)
  }
  return fields
}

export const bytesOf = (fields: Map<number, Buffer | number>, number: number): Buffer => {
  const value = fields.get(number)
  return Buffer.isBuffer(value) ? value : Buffer.alloc(0)
}

export const textOf = (fields: Map<number, Buffer | number>, number: number): string =>
  bytesOf(fields, number).toString('utf8')
