import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  isSignedBy,
  isSignedByAsync,
  keyOfSignature,
  Malformed,
  openSigner,
  ownKeyFrom,
  parsePublicKey,
  parseSignature,
  readPublicKey,
} from '../../src/signing/index.ts'
import { wireString, wireUint32 } from '../../src/signing/wire.ts'
import { temporaryFolder } from '../git/temporary-folder.ts'
import { makeKey, signByHand, startAgent, verifyByHand } from './keys.ts'

const message = Buffer.from('tree 1234\nparent 5678\n\nprod: approved\n')
const kinds = [['ed25519'], ['ecdsa', '256'], ['ecdsa', '384'], ['ecdsa', '521'], ['rsa', '2048']] as const

for (const kind of kinds) {
  test(`what ssh-keygen signs with ${kind.join(' ')} is good, and nothing else is`, async () => {
    await using folder = await temporaryFolder()
    const key = makeKey(folder.path, 'key', kind)
    const other = parsePublicKey(makeKey(folder.path, 'other', kind).publicKey)
    const own = parsePublicKey(key.publicKey)
    for (const hash of ['sha256', 'sha512']) {
      const signature = parseSignature(signByHand(key, message, { hash }))
      assert.equal(signature.hashAlgorithm, hash)
      assert.equal(keyOfSignature(signature).fingerprint, own.fingerprint)
      assert.equal(isSignedBy(signature, own, message), true)
      assert.equal(await isSignedByAsync(signature, own, message), true)
      assert.equal(isSignedBy(signature, own, Buffer.concat([message, Buffer.from('.')])), false)
      assert.equal(await isSignedByAsync(signature, own, Buffer.from('another')), false)
      assert.equal(isSignedBy(signature, other, message), false)
      assert.equal(isSignedBy({ ...signature, publicKey: other.base64 }, other, message), false)
      assert.equal(isSignedBy({ ...signature, blob: flipped(signature.blob) }, own, message), false)
    }
    const elsewhere = parseSignature(signByHand(key, message, { namespace: 'file' }))
    assert.equal(isSignedBy(elsewhere, own, message), false, 'a signature for another purpose')
    assert.equal(isSignedBy({ ...elsewhere, namespace: 'git' }, own, message), false)
  })

  test(`ssh-keygen takes what is signed here with ${kind.join(' ')}, from the file and from ssh-agent`, async () => {
    await using folder = await temporaryFolder()
    const key = makeKey(folder.path, 'key', kind)
    const allowed = join(folder.path, 'allowed')
    await writeFile(allowed, `ci@example.com namespaces="git" ${key.publicKey}\n`)
    using agent = await startAgent(folder.path)
    await agent.add(key)
    const byFile = await openSigner({ key: key.path, saidBy: 'test', environment: process.env })
    const withAgent = { ...process.env, SSH_AUTH_SOCK: agent.socket }
    const byPublicHalf = await openSigner({ key: `${key.path}.pub`, saidBy: 'test', environment: withAgent })
    const byText = await openSigner({ key: key.publicKey, saidBy: 'test', environment: withAgent })
    const signatures = [await byFile.sign(message, new AbortController().signal)]
    rmSync(key.path)
    for (const signer of [byPublicHalf, byText])
      signatures.push(await signer.sign(message, AbortSignal.timeout(60_000)))
    for (const [index, armored] of signatures.entries()) {
      const file = join(folder.path, `${index}.sig`)
      await writeFile(file, armored)
      assert.equal(await verifyByHand(allowed, 'ci@example.com', file, message), true)
      assert.equal(await verifyByHand(allowed, 'ci@example.com', file, Buffer.from('another')), false)
      assert.equal(isSignedBy(parseSignature(armored), parsePublicKey(key.publicKey), message), true)
    }
  })
}

/** What a security key would make: the application, whether it was touched, a counter, and the signature over them. */
test('a signature of a key in hardware counts only where somebody touched it', () => {
  const application = Buffer.from('ssh:')
  for (const type of ['sk-ssh-ed25519@openssh.com', 'sk-ecdsa-sha2-nistp256@openssh.com']) {
    const isEdwards = type.startsWith('sk-ssh')
    const pair = isEdwards ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const { x = '', y = '' } = pair.publicKey.export({ format: 'jwk' })
    const [left, right] = [Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]
    const material = isEdwards
      ? [wireString(left)]
      : [wireString('nistp256'), wireString(Buffer.concat([Buffer.from([4]), left, right]))]
    const blob = Buffer.concat([wireString(type), ...material, wireString(application)])
    const key = readPublicKey(blob)
    for (const flags of [1, 0]) {
      const digest = createHash('sha512').update(message).digest()
      const parts = [wireString('git'), wireString(''), wireString('sha512'), wireString(digest)]
      const data = Buffer.concat([Buffer.from('SSHSIG'), ...parts])
      const counter = Buffer.concat([Buffer.from([flags]), wireUint32(7)])
      const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest()
      const touched = Buffer.concat([sha256(application), counter, sha256(data)])
      const made = isEdwards
        ? sign(null, touched, pair.privateKey)
        : ecdsaBlob(sign('sha256', touched, { key: pair.privateKey, dsaEncoding: 'ieee-p1363' }))
      const signature = Buffer.concat([wireString(type), wireString(made), counter])
      const head = [Buffer.from('SSHSIG'), wireUint32(1), wireString(blob), ...parts.slice(0, 3)]
      const whole = Buffer.concat([...head, wireString(signature)])
      assert.equal(isSignedBy(parseSignature(armor(whole)), key, message), flags === 1)
    }
  }
})

const ecdsaBlob = (pair: Buffer): Buffer => Buffer.concat([mpint(pair.subarray(0, 32)), mpint(pair.subarray(32))])
const mpint = (bytes: Buffer) => wireString((bytes[0] ?? 0) > 127 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes)
const armor = (bytes: Buffer) =>
  `-----BEGIN SSH SIGNATURE-----\n${bytes.toString('base64').replace(/.{70}/g, '$&\n')}\n-----END SSH SIGNATURE-----\n`
const flipped = (bytes: Buffer) => Buffer.from(bytes.map((byte, at) => (at === bytes.length - 3 ? byte ^ 1 : byte)))

test('SHA-1, short keys, foreign versions and anything after the end are no signatures', async () => {
  await using folder = await temporaryFolder()
  const key = makeKey(folder.path, 'key', ['rsa', '2048'])
  const own = parsePublicKey(key.publicKey)
  const signature = parseSignature(signByHand(key, message))
  assert.equal(isSignedBy({ ...signature, algorithm: 'ssh-rsa' }, own, message), false)
  const armored = signByHand(key, message)
  const bytes = Buffer.from(armored.split('\n').slice(1, -2).join(''), 'base64')
  const version2 = Buffer.concat([bytes.subarray(0, 6), wireUint32(2), bytes.subarray(10)])
  for (const broken of [version2, Buffer.concat([bytes, Buffer.from([0])]), bytes.subarray(0, -1), Buffer.alloc(0)])
    assert.throws(() => parseSignature(armor(broken)), Malformed)
  for (const text of ['', 'x', armored.slice(0, 100), `${armored}${armored}`, armored.replace('BEGIN', 'END')])
    assert.throws(() => parseSignature(text), Malformed)
  const short = makeKey(folder.path, 'short', ['rsa', '1024'])
  assert.throws(() => parsePublicKey(short.publicKey), /1024 bits is not taken/)
  assert.throws(() => parsePublicKey('ssh-dss AAAAB3NzaC1kc3M='), Malformed)
  assert.throws(() => parsePublicKey(key.publicKey.replace('ssh-rsa', 'ssh-ed25519')), /says ssh-ed25519/)
})

test('random bytes in the place of a signature or a key are refused without a fault', () => {
  let seed = 1
  const random = () => (seed = (seed * 48_271) % 2_147_483_647)
  for (let round = 0; round < 3000; round++) {
    const bytes = Buffer.from(Array.from({ length: random() % 200 }, () => random() % 256))
    const prefixed = round % 2 === 0 ? bytes : Buffer.concat([Buffer.from('SSHSIG\0\0\0\u0001'), bytes])
    assert.throws(() => parseSignature(armor(prefixed)), Malformed)
    assert.throws(() => readPublicKey(bytes), Malformed)
  }
})

test('a key is named by a variable of its own, else by git where git signs with SSH', () => {
  const settings = (values: Record<string, string>) => (key: string) => values[key] ?? null
  const ofGit = settings({ 'gpg.format': 'ssh', 'user.signingkey': '/git' })
  assert.deepEqual(ownKeyFrom({ TRUNKLINE_SIGNING_KEY: '/own' }, ofGit), {
    key: '/own',
    saidBy: 'TRUNKLINE_SIGNING_KEY',
  })
  assert.deepEqual(ownKeyFrom({}, ofGit), { key: '/git', saidBy: 'user.signingKey' })
  assert.equal(ownKeyFrom({}, settings({ 'user.signingkey': 'ABCD' })), null, 'a key of GnuPG')
  assert.equal(ownKeyFrom({}, settings({})), null)
})

test('a key that cannot be read, or needs a passphrase, is told with what to do', async () => {
  await using folder = await temporaryFolder()
  const missing = openSigner({ key: '/nowhere/key', saidBy: 'TRUNKLINE_SIGNING_KEY', environment: {} })
  await assert.rejects(missing, {
    code: 'SIGNING_KEY_UNREADABLE',
    message: /TRUNKLINE_SIGNING_KEY names cannot be read/,
  })
  await writeFile(join(folder.path, 'text'), 'hello')
  const text = openSigner({ key: join(folder.path, 'text'), saidBy: 'user.signingKey', environment: {} })
  await assert.rejects(text, { code: 'SIGNING_KEY_UNREADABLE', message: /not an SSH key/ })
  const locked = makeKey(folder.path, 'locked', ['ed25519'], 'secret words')
  const environment = { PATH: process.env['PATH'] }
  const signer = await openSigner({ key: locked.path, saidBy: 'test', environment })
  assert.equal(signer.publicKey, parsePublicKey(locked.publicKey).base64, 'its public half needs no passphrase')
  await assert.rejects(signer.sign(message, new AbortController().signal), { code: 'SIGNING_FAILED', hint: /ssh-add/ })
  const open = await openSigner({ key: makeKey(folder.path, 'open').path, saidBy: 'test', environment })
  await assert.rejects(open.sign(message, AbortSignal.abort()), { kind: 'cancelled' })
})
