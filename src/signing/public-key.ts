/** Public SSH keys, as `trunkline.yaml`, `.pub` files and signatures name them. */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { Malformed, readWire, strictBase64, type WireReader } from './wire.ts'

export type KeyType = (typeof keyTypes)[number]

export type PublicKey = {
  type: KeyType
  /** The key in base64, without type and comment: what two keys are compared by. */
  base64: string
  /** `SHA256:…`, as `ssh-keygen -l` shows it. */
  fingerprint: string
  key: KeyObject
  /** Of keys that live in hardware: what they are made for. Part of all they sign. */
  application: Buffer | null
}

export const keyTypes = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'ssh-rsa',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
] as const

const minRsaBits = 2048
const maxRsaBits = 16_384

/** From `ssh-ed25519 AAAA… comment`. Throws `Malformed` with a sentence that ends "…: <why>". */
export function parsePublicKey(text: string): PublicKey {
  const [type = '', base64 = ''] = text.trim().split(/[ \t]+/)
  const key = readPublicKey(strictBase64(base64))
  if (key.type !== type) throw new Malformed(`it says ${type} and holds ${key.type}`)
  return key
}

/** From the bytes that stand in signatures, and in base64 in `.pub` files. */
export function readPublicKey(blob: Buffer): PublicKey {
  const reader = readWire(blob)
  const type = reader.text()
  if (!isKeyType(type)) throw new Malformed(`keys of type ${JSON.stringify(type.slice(0, 60))} are not taken`)
  const key = readMaterial(type, reader)
  const application = type.startsWith('sk-') ? Buffer.from(reader.string()) : null
  reader.end()
  return {
    type,
    base64: blob.toString('base64'),
    fingerprint: `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`,
    key,
    application,
  }
}

const isKeyType = (type: string): type is KeyType => (keyTypes as readonly string[]).includes(type)

function readMaterial(type: KeyType, reader: WireReader): KeyObject {
  switch (type) {
    case 'ssh-ed25519':
    case 'sk-ssh-ed25519@openssh.com': {
      const point = reader.string()
      if (point.length !== 32) throw new Malformed('an Ed25519 key has 32 bytes')
      return fromJwk({ kty: 'OKP', crv: 'Ed25519', x: point.toString('base64url') })
    }
    case 'ssh-rsa': {
      const exponent = unsigned(reader.string())
      const modulus = unsigned(reader.string())
      const bits = modulus.length * 8
      if (bits < minRsaBits || bits > maxRsaBits)
        throw new Malformed(`an RSA key of ${bits} bits is not taken: ${minRsaBits} to ${maxRsaBits} are`)
      return fromJwk({ kty: 'RSA', n: modulus.toString('base64url'), e: exponent.toString('base64url') })
    }
    default: {
      const { name, curve, bytes } = curveOf(type)
      if (reader.text() !== name) throw new Malformed('its curve is not that of its type')
      const point = reader.string()
      if (point.length !== 1 + 2 * bytes || point[0] !== 4) throw new Malformed('its point is not on its curve')
      const [x, y] = [point.subarray(1, 1 + bytes), point.subarray(1 + bytes)]
      return fromJwk({ kty: 'EC', crv: curve, x: x.toString('base64url'), y: y.toString('base64url') })
    }
  }
}

/** The curve of an ECDSA key; how many bytes a coordinate has. */
export function curveOf(type: KeyType): { name: string; curve: string; bytes: number; hash: string } {
  if (type === 'ecdsa-sha2-nistp384') return { name: 'nistp384', curve: 'P-384', bytes: 48, hash: 'sha384' }
  if (type === 'ecdsa-sha2-nistp521') return { name: 'nistp521', curve: 'P-521', bytes: 66, hash: 'sha512' }
  return { name: 'nistp256', curve: 'P-256', bytes: 32, hash: 'sha256' }
}

/** A number without the zero that keeps its sign positive. */
export const unsigned = (mpint: Buffer): Buffer => {
  let start = 0
  while (start < mpint.length - 1 && mpint[start] === 0) start++
  return mpint.subarray(start)
}

function fromJwk(key: Record<string, string>): KeyObject {
  try {
    return createPublicKey({ key, format: 'jwk' })
  } catch (cause) {
    throw new Malformed(`it is no key: ${cause instanceof Error ? cause.message : cause}`)
  }
}
