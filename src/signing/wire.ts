/** SSH's wire format (RFC 4251, section 5): lengths and bytes. Readers are strict: nothing missing, nothing left over. */

/** Bytes that are not what they claim to be. */
export class Malformed extends Error {
  override name = 'Malformed'
}

export type WireReader = {
  /** So many bytes as they are. */
  bytes(count: number): Buffer
  byte(): number
  uint32(): number
  /** A length and so many bytes. */
  string(): Buffer
  text(): string
  /** Throws where something is left. */
  end(): void
}

export function readWire(buffer: Buffer): WireReader {
  let at = 0
  const bytes = (count: number): Buffer => {
    if (count > buffer.length - at) throw new Malformed('it ends too early')
    at += count
    return buffer.subarray(at - count, at)
  }
  const uint32 = () => bytes(4).readUInt32BE()
  const string = () => bytes(uint32())
  return {
    bytes,
    byte: () => bytes(1)[0] ?? 0,
    uint32,
    string,
    text: () => string().toString('latin1'),
    end() {
      if (at !== buffer.length) throw new Malformed('something follows its end')
    },
  }
}

export const wireUint32 = (value: number): Buffer => {
  const buffer = Buffer.alloc(4)
  buffer.writeUInt32BE(value)
  return buffer
}

export const wireString = (value: string | Uint8Array): Buffer => {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  return Buffer.concat([wireUint32(bytes.length), bytes])
}

/** Base64 without a letter too many: Node passes over what it does not know. */
export function strictBase64(text: string): Buffer {
  const compact = text.replace(/=+$/, '')
  const bytes = Buffer.from(compact, 'base64')
  if (bytes.toString('base64').replace(/=+$/, '') !== compact) throw new Malformed('it is not base64')
  return bytes
}
