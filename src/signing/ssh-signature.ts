/**
 * SSH signatures as `ssh-keygen -Y sign` makes them (OpenSSH, PROTOCOL.sshsig), read and checked in process: a history
 * of a hundred thousand of them is checked in seconds.
 */
import { createHash, verify } from 'node:crypto'
import { curveOf, type PublicKey, readPublicKey, unsigned } from './public-key.ts'
import { Malformed, readWire, strictBase64, wireString } from './wire.ts'

/** git signs commits in this namespace. */
export const gitNamespace = 'git'

export type SshSignature = {
  /** Of the key that is said to have signed, in base64: says nothing until verified and listed. */
  publicKey: string
  namespace: string
  hashAlgorithm: 'sha256' | 'sha512'
  reserved: Buffer
  /** `ssh-ed25519`, `rsa-sha2-512`, … */
  algorithm: string
  blob: Buffer
  /** Of keys in hardware. */
  presence: { flags: number; counter: Buffer } | null
}

const magic = Buffer.from('SSHSIG')
const armor = /^-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/=\n]+)\n-----END SSH SIGNATURE-----\n*$/
const maxArmorLength = 16 * 1024
/** Somebody touched the key. */
const userPresent = 0x01

/** From its armor. Throws `Malformed`. */
export function parseSignature(armored: string): SshSignature {
  const text = armored.length > maxArmorLength ? null : armor.exec(armored.replaceAll('\r\n', '\n'))
  if (!text?.[1]) throw new Malformed('it is not an SSH signature')
  const reader = readWire(strictBase64(text[1].replaceAll('\n', '')))
  if (!reader.bytes(magic.length).equals(magic)) throw new Malformed('it is not an SSH signature')
  const version = reader.uint32()
  if (version !== 1) throw new Malformed(`version ${version} of SSH signatures is not known`)
  const publicKey = reader.string().toString('base64')
  const namespace = reader.text()
  const reserved = reader.string()
  const hashAlgorithm = reader.text()
  if (hashAlgorithm !== 'sha256' && hashAlgorithm !== 'sha512')
    throw new Malformed(`hash ${JSON.stringify(hashAlgorithm)} is not taken`)
  const inner = readWire(reader.string())
  reader.end()
  const algorithm = inner.text()
  const blob = inner.string()
  const presence = algorithm.startsWith('sk-') ? { flags: inner.byte(), counter: inner.bytes(4) } : null
  inner.end()
  return { publicKey, namespace, hashAlgorithm, reserved, algorithm, blob, presence }
}

/** Whether the key signed this message in this namespace. Never throws: what does not fit is no signature. */
export function isSignedBy(
  signature: SshSignature,
  key: PublicKey,
  message: Uint8Array,
  namespace: string = gitNamespace,
): boolean {
  if (signature.publicKey !== key.base64 || signature.namespace !== namespace) return false
  try {
    const check = checkOf(signature, key, signedData(signature, message))
    return check !== null && verify(check.hash, check.data, check.key, check.signature)
  } catch {
    return false
  }
}

/** The same in the background, for checking many side by side. */
export function isSignedByAsync(
  signature: SshSignature,
  key: PublicKey,
  message: Uint8Array,
  namespace: string = gitNamespace,
): Promise<boolean> {
  if (signature.publicKey !== key.base64 || signature.namespace !== namespace) return Promise.resolve(false)
  let check: Check | null
  try {
    check = checkOf(signature, key, signedData(signature, message))
  } catch {
    return Promise.resolve(false)
  }
  if (check === null) return Promise.resolve(false)
  const { hash, data, key: keyInput, signature: bytes } = check
  return new Promise((resolve) => verify(hash, data, keyInput, bytes, (error, isGood) => resolve(!error && isGood)))
}

/** The key that is said to have signed. Throws `Malformed`. */
export const keyOfSignature = (signature: SshSignature): PublicKey =>
  readPublicKey(Buffer.from(signature.publicKey, 'base64'))

const signedData = ({ namespace, reserved, hashAlgorithm }: SshSignature, message: Uint8Array): Buffer =>
  Buffer.concat([
    magic,
    wireString(Buffer.from(namespace, 'latin1')),
    wireString(reserved),
    wireString(hashAlgorithm),
    wireString(createHash(hashAlgorithm).update(message).digest()),
  ])

type Check = {
  hash: string | null
  data: Buffer
  key: { key: PublicKey['key']; dsaEncoding?: 'ieee-p1363' }
  signature: Buffer
}

/** What to ask the library; null where the algorithm is not one for this key. SHA-1 is none. */
function checkOf(signature: SshSignature, key: PublicKey, data: Buffer): Check | null {
  const { algorithm, blob } = signature
  switch (key.type) {
    case 'ssh-ed25519':
      return algorithm === key.type ? { hash: null, data, key: { key: key.key }, signature: blob } : null
    case 'ssh-rsa': {
      const hash = algorithm === 'rsa-sha2-512' ? 'sha512' : algorithm === 'rsa-sha2-256' ? 'sha256' : null
      return hash === null ? null : { hash, data, key: { key: key.key }, signature: rsaBlob(blob, key) }
    }
    case 'sk-ssh-ed25519@openssh.com': {
      const touched = touchedData(signature, key, data)
      return touched === null ? null : { hash: null, data: touched, key: { key: key.key }, signature: blob }
    }
    case 'sk-ecdsa-sha2-nistp256@openssh.com': {
      const touched = touchedData(signature, key, data)
      return touched === null ? null : ecdsaCheck(key, touched, blob)
    }
    default:
      return algorithm === key.type ? ecdsaCheck(key, data, blob) : null
  }
}

function ecdsaCheck(key: PublicKey, data: Buffer, blob: Buffer): Check {
  const { bytes, hash } = curveOf(key.type)
  const reader = readWire(blob)
  const signature = Buffer.concat([padded(unsigned(reader.string()), bytes), padded(unsigned(reader.string()), bytes)])
  reader.end()
  return { hash, data, key: { key: key.key, dsaEncoding: 'ieee-p1363' }, signature }
}

/** A signature that begins with zeros may come without them. */
const rsaBlob = (blob: Buffer, { key }: PublicKey): Buffer =>
  padded(blob, Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8))

function padded(bytes: Buffer, length: number): Buffer {
  if (bytes.length > length) throw new Malformed('a number is too long')
  return Buffer.concat([Buffer.alloc(length - bytes.length), bytes])
}

/** What a key in hardware signs; null where nobody touched it (PROTOCOL.u2f). */
function touchedData({ algorithm, presence }: SshSignature, key: PublicKey, data: Buffer): Buffer | null {
  if (algorithm !== key.type || presence === null || key.application === null) return null
  if ((presence.flags & userPresent) === 0) return null
  const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest()
  return Buffer.concat([sha256(key.application), Buffer.from([presence.flags]), presence.counter, sha256(data)])
}
