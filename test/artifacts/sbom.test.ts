import assert from 'node:assert/strict'
import { test } from 'node:test'
import { billOfMaterials } from '../../src/artifacts/sbom/bill-of-materials.ts'
import { isLockfile } from '../../src/artifacts/sbom/lockfile-names.ts'
import type { Digest } from '../../src/model/index.ts'

const artifact = `sha256:${'a'.repeat(64)}` as Digest
const sha512 = Buffer.alloc(64, 7)

type Document = { components: Array<{ purl: string; scope: string; hashes?: unknown; evidence: unknown }> }

function documentOf(files: Record<string, string>): Document & Record<string, unknown> {
  const lockfiles = Object.entries(files).map(([path, text]) => ({ path, text }))
  const { referrer, unread } = billOfMaterials({ artifact, name: 'carts', lockfiles })
  assert.deepEqual(unread, [])
  assert.equal(referrer?.artifactType, 'application/vnd.cyclonedx+json')
  return JSON.parse(Buffer.from(referrer.bytes).toString('utf8'))
}

const purlsOf = (files: Record<string, string>) => documentOf(files).components.map(({ purl }) => purl)

const npmLock = JSON.stringify({
  lockfileVersion: 3,
  packages: {
    '': { name: 'shop', version: '1.0.0' },
    'services/carts': { name: 'carts', version: '1.0.0' },
    'node_modules/carts': { resolved: 'services/carts', link: true },
    'node_modules/@scope/one': { version: '1.2.3', integrity: `sha1-AAAA sha512-${sha512.toString('base64')}` },
    'node_modules/a/node_modules/two': { version: '2.0.0-rc.1+build', dev: true },
    'services/carts/node_modules/two': { version: '3.0.0' },
    'node_modules/alias': { name: 'three', version: '3.1.0' },
  },
})

test('npm: what is installed from elsewhere, with its hash and whether only developers need it', () => {
  const { components } = documentOf({ 'package-lock.json': npmLock })
  assert.deepEqual(
    components.map(({ purl, scope }) => [purl, scope]),
    [
      ['pkg:npm/%40scope/one@1.2.3', 'required'],
      ['pkg:npm/three@3.1.0', 'required'],
      ['pkg:npm/two@2.0.0-rc.1%2Bbuild', 'excluded'],
      ['pkg:npm/two@3.0.0', 'required'],
    ],
  )
  assert.deepEqual(components[0]?.hashes, [{ alg: 'SHA-512', content: sha512.toString('hex') }])
})

test('Go, Python and Rust: modules and packages with their pinned versions', () => {
  assert.deepEqual(
    purlsOf({
      'go.sum':
        'example.com/Mod/v2 v2.1.0 h1:abc=\nexample.com/Mod/v2 v2.1.0/go.mod h1:def=\nexample.com/only v1.0.0/go.mod h1:x=\n',
      'api/requirements.txt': [
        '# comment',
        'Flask_Login[extra]==0.6.3 \\',
        `    --hash=sha256:${'b'.repeat(64)}`,
        'unpinned>=1',
        '-r other.txt',
        'typing==4.0 ; python_version < "3.9"',
      ].join('\n'),
      'uv.lock': [
        '[[package]]\nname = "own"\nversion = "1"\nsource = { editable = "." }',
        '[[package]]\nname = "requests"\nversion = "2.32.0"\nsource = { registry = "https://pypi.org/simple" }',
      ].join('\n'),
      'Cargo.lock': [
        'version = 3\n[[package]]\nname = "own"\nversion = "0.1.0"',
        `[[package]]\nname = "serde"\nversion = "1.0.200"\nsource = "registry+x"\nchecksum = "${'c'.repeat(64)}"`,
      ].join('\n'),
    }),
    [
      'pkg:cargo/serde@1.0.200',
      'pkg:golang/example.com/Mod/v2@v2.1.0',
      'pkg:pypi/flask-login@0.6.3',
      'pkg:pypi/requests@2.32.0',
      'pkg:pypi/typing@4.0',
    ],
  )
})

test('the same lockfiles give the same bytes, in whatever order they come', () => {
  const bytesOf = (paths: string[]) => {
    const lockfiles = paths.map((path) => ({ path, text: npmLock }))
    return billOfMaterials({ artifact, name: 'carts', lockfiles }).referrer?.bytes.toString()
  }
  assert.equal(
    bytesOf(['package-lock.json', 'web/package-lock.json']),
    bytesOf(['web/package-lock.json', 'package-lock.json']),
  )
})

test('a package that anything needs in earnest is no developers’ package', () => {
  const lock = (dev: boolean) =>
    JSON.stringify({ packages: { 'node_modules/x': { version: '1.0.0', ...(dev && { dev }) } } })
  const [x] = documentOf({ 'a/package-lock.json': lock(true), 'b/package-lock.json': lock(false) }).components
  assert.equal(x?.scope, 'required')
  assert.deepEqual(x?.evidence, {
    occurrences: [{ location: 'a/package-lock.json' }, { location: 'b/package-lock.json' }],
  })
})

test('a file that is no lockfile is named, and the others still count', () => {
  const lockfiles = [
    { path: 'package-lock.json', text: '{"lockfileVersion": 1, "dependencies": {}}' },
    { path: 'web/package-lock.json', text: npmLock },
    { path: 'Cargo.lock', text: '<<<<<<< HEAD' },
  ]
  const { referrer, unread } = billOfMaterials({ artifact, name: 'carts', lockfiles })
  assert.deepEqual(unread, ['package-lock.json', 'Cargo.lock'])
  assert.notEqual(referrer, null)
  assert.equal(billOfMaterials({ artifact, name: 'carts', lockfiles: lockfiles.slice(0, 1) }).referrer, null)
})

test('lockfiles are known by their names, wherever they lie', () => {
  assert.ok(isLockfile('go.sum') && isLockfile('a/b/uv.lock'))
  assert.ok(!isLockfile('package.json') && !isLockfile('my-go.sum'))
})
