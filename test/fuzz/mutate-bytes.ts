/** Mutations of bytes, for formats that are no text. */
import type { Random } from './random.ts'

const telling = [0, 1, 0x0a, 0x0d, 0x1b, 0x20, 0x2e, 0x2f, 0x30, 0x37, 0x5c, 0x7f, 0x80, 0xc0, 0xff]

export function mutateBytes(random: Random, seed: Buffer): Buffer {
  let bytes: Buffer = Buffer.from(seed)
  for (let left = 1 + random.size(8); left > 0; left -= 1) bytes = mutateOnce(random, bytes)
  return bytes.length > 200_000 ? bytes.subarray(0, 200_000) : bytes
}

function mutateOnce(random: Random, bytes: Buffer): Buffer {
  const at = random.int(bytes.length + 1)
  const end = Math.min(bytes.length, at + 1 + random.size(Math.max(2, bytes.length)))
  const byte = random.oneIn(2) ? random.pick(telling) : random.int(256)
  switch (random.int(7)) {
    case 0:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)])
    case 1:
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)])
    case 2:
      return Buffer.concat([bytes.subarray(0, at), Buffer.alloc(random.size(600), byte), bytes.subarray(at)])
    case 3:
      return Buffer.from(bytes.subarray(0, at))
    default: {
      if (at < bytes.length) bytes[at] = random.oneIn(3) ? (bytes[at] ?? 0) ^ (1 << random.int(8)) : byte
      return bytes
    }
  }
}
