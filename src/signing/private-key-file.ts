/** The public half of a private key's file, read without its passphrase. */
import { type PublicKey, readPublicKey } from './public-key.ts'
import { Malformed, readWire, strictBase64 } from './wire.ts'

const armor = /-----BEGIN OPENSSH PRIVATE KEY-----\s+([A-Za-z0-9+/=\s]+?)\s*-----END OPENSSH PRIVATE KEY-----/
const magic = Buffer.from('openssh-key-v1\0')

/** OpenSSH's own format (PROTOCOL.key) says it in clear; null for others (PEM). Throws `Malformed`. */
export function publicHalf(text: string): PublicKey | null {
  const body = armor.exec(text)?.[1]
  if (body === undefined) return null
  const reader = readWire(strictBase64(body.replace(/\s+/g, '')))
  if (!reader.bytes(magic.length).equals(magic)) throw new Malformed('it is not a private key of OpenSSH')
  reader.string() // cipher
  reader.string() // key derivation
  reader.string() // its options
  if (reader.uint32() !== 1) throw new Malformed('it holds several keys')
  return readPublicKey(Buffer.from(reader.string()))
}
