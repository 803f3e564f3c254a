/** Keys of a shop whose records are signed: real ones, made from their names alone, that sign in process and at once. */
import { createPrivateKey, createPublicKey, hash, sign } from 'node:crypto'
import type { Signer } from '../../src/ports/index.ts'
import { wireString, wireUint32 } from '../../src/signing/wire.ts'

export type SimulatedKey = Signer & {
  /** As a `.pub` file has it. */
  readonly line: string
  signNow(message: string): string
}

/** What an ed25519 key in PKCS #8 begins with. */
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex')
const type = 'ssh-ed25519'
const magic = Buffer.from('SSHSIG')

function makeKey(name: string): SimulatedKey {
  const seed = Buffer.from(hash('sha256', `the key of ${name}`), 'hex')
  const key = createPrivateKey({ key: Buffer.concat([pkcs8, seed]), format: 'der', type: 'pkcs8' })
  const raw = Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x ?? '', 'base64url')
  const blob = Buffer.concat([wireString(type), wireString(raw)])
  const about = [wireString('git'), wireString(''), wireString('sha512')]
  const signNow = (message: string): string => {
    const digest = Buffer.from(hash('sha512', message), 'hex')
    const bytes = sign(null, Buffer.concat([magic, ...about, wireString(digest)]), key)
    const signature = Buffer.concat([wireString(type), wireString(bytes)])
    const whole = Buffer.concat([magic, wireUint32(1), wireString(blob), ...about, wireString(signature)])
    return `-----BEGIN SSH SIGNATURE-----\n${whole.toString('base64')}\n-----END SSH SIGNATURE-----\n`
  }
  return {
    publicKey: blob.toString('base64'),
    fingerprint: `SHA256:${name}`,
    line: `${type} ${blob.toString('base64')}`,
    sign: async (message) => signNow(Buffer.from(message).toString('utf8')),
    signNow,
  }
}

/** CI's, a stranger's, and those of Ada, Ben, Cleo and Dan. */
export const ciKey = makeKey('ci')
export const strangersKey = makeKey('a stranger')
export const peoplesKeys = ['ada', 'ben', 'cleo', 'dan'].map(makeKey)
export const keyOfPerson = (who: number): SimulatedKey => peoplesKeys[who % peoplesKeys.length] ?? strangersKey

export const isSimulatedKey = (signer: Pick<Signer, 'sign'> | undefined): signer is SimulatedKey =>
  signer !== undefined && 'signNow' in signer
