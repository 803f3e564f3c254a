import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Service } from '../../../src/model/index.ts'
import { hashInputs } from '../../../src/planning/inputs/index.ts'
import { selectInputs } from '../../../src/planning/inputs/selecting.ts'
import {
  executable,
  type Files,
  hash,
  pathsOf,
  projectOf,
  readFiles,
  select,
  serviceOf,
  treeOf,
} from './tiny-repository.ts'

const files: Files = {
  'package.json': JSON.stringify({ workspaces: ['services/*', 'packages/*'] }),
  'package-lock.json': '{}',
  'packages/common/package.json': JSON.stringify({ name: 'common' }),
  'packages/common/index.ts': 'c',
  'services/carts/package.json': JSON.stringify({ name: 'carts', dependencies: { common: '*' } }),
  'services/carts/main.ts': 'm',
  'services/carts/test/t.ts': 't',
  'services/carts/chart.yaml': 'y',
  'services/email/main.ts': 'e',
  'docs/x.md': 'd',
}

const environment = { set: { MODE: 'production' }, pass: ['LICENSE'] }
const carts = serviceOf('carts', {
  checkInputs: ['services/carts/test/**'],
  deployInputs: ['services/carts/chart.yaml'],
  checks: {
    test: { run: 'npm test', timeoutMs: 1, env: environment },
    lint: { run: 'npm run lint', timeoutMs: 1, env: { set: {}, pass: [] } },
  },
  build: { run: 'npm run build', timeoutMs: 1, env: environment },
})
const email = serviceOf('email')
const project = projectOf([carts, email])

/** Which of the hashes of carts and email differ between two states of the repository. */
function differing(before: ReturnType<typeof hash>, after: ReturnType<typeof hash>): string[] {
  const all = (hashes: ReturnType<typeof hash>) => ({
    carts: hashes.inputHash['carts'],
    email: hashes.inputHash['email'],
    test: hashes.checkHash['carts']?.['test'],
    lint: hashes.checkHash['carts']?.['lint'],
    deploy: hashes.deployHash['carts'],
    prepare: hashes.prepareHash ?? undefined,
  })
  const [was, is] = [all(before), all(after)]
  return Object.entries(was).flatMap(([name, value]) =>
    value === Object.entries(is).find(([key]) => key === name)?.[1] ? [] : [name],
  )
}

const base = hash(project, files)
const withCarts = (part: Partial<Service>) => projectOf([{ ...carts, ...part }, email])

describe('what changes which hash', () => {
  const changes: Array<[what: string, after: ReturnType<typeof hash>, changed: string[]]> = [
    ['nothing', hash(project, files), []],
    ['a document', hash(project, { ...files, 'docs/x.md': 'D', 'docs/y.md': '' }), []],
    ['a file of its folder', hash(project, { ...files, 'services/carts/main.ts': 'M' }), ['carts', 'test', 'lint']],
    [
      'the mode of a file',
      hash(project, { ...files, 'services/carts/main.ts': executable('m') }),
      ['carts', 'test', 'lint'],
    ],
    [
      'the name of a file',
      hash(project, { ...without('services/carts/main.ts'), 'services/carts/m.ts': 'm' }),
      ['carts', 'test', 'lint'],
    ],
    [
      'a workspace it depends on',
      hash(project, { ...files, 'packages/common/index.ts': 'C' }),
      ['carts', 'test', 'lint'],
    ],
    ['a test', hash(project, { ...files, 'services/carts/test/t.ts': 'T' }), ['test', 'lint']],
    ['a chart', hash(project, { ...files, 'services/carts/chart.yaml': 'Y' }), ['deploy']],
    ['another service', hash(project, { ...files, 'services/email/main.ts': 'E' }), ['email']],
    [
      'the build command',
      hash(withCarts({ build: { run: 'make', timeoutMs: 1, env: environment } }), files),
      ['carts'],
    ],
    [
      'a check’s command',
      hash(
        withCarts({ checks: { ...carts.checks, lint: { run: 'x', timeoutMs: 1, env: { set: {}, pass: [] } } } }),
        files,
      ),
      ['lint'],
    ],
    ['a time limit', hash(withCarts({ build: { run: 'npm run build', timeoutMs: 9, env: environment } }), files), []],
    [
      'what goes into the artifact',
      hash(withCarts({ artifact: { kind: 'bundle', from: '', include: ['dist/**'], exclude: [] } }), files),
      ['carts'],
    ],
    ['how it runs', hash(withCarts({ env: { A: { kind: 'value', value: '1' } }, deployAfter: ['email'] }), files), []],
    ['the rebuild salt', hash(withCarts({ rebuild: 'once more' }), files), ['carts']],
    ['a passed-through value', hash(project, files, { LICENSE: 'secret' }), ['carts', 'test']],
    ['a passed-through value that is set to nothing', hash(project, files, { LICENSE: '' }), ['carts', 'test']],
    ['a value that nothing passes through', hash(project, files, { OTHER: 'x' }), []],
    ['a tool', hash({ ...project, tools: { node: '24' } }, files), ['carts', 'email', 'test', 'lint']],
    ['the platform', hash({ ...project, platform: 'linux/arm64' }, files), ['carts', 'email', 'test', 'lint']],
    [
      'the preparation',
      hash(
        {
          ...project,
          prepare: { run: 'npm ci', inputs: ['package-lock.json'], timeoutMs: 1, env: { set: {}, pass: [] } },
        },
        files,
      ),
      ['carts', 'email', 'test', 'lint', 'prepare'],
    ],
    ['a new service beside it', hash(projectOf([serviceOf('other', { path: 'docs' }), carts, email]), files), []],
  ]
  for (const [what, after, changed] of changes) {
    it(`${what}: ${changed.length === 0 ? 'none' : changed.join(', ')}`, () =>
      assert.deepEqual(differing(base, after), changed))
  }

  it('the name of an unrelated service: none', () => {
    const renamed = projectOf([carts, { ...email, name: 'mail' }])
    assert.equal(hash(renamed, files).inputHash['carts'], base.inputHash['carts'])
    assert.equal(hash(renamed, files).inputHash['mail'], base.inputHash['email'])
  })

  it('the order of services and of patterns: none', () => {
    const reordered = projectOf([
      email,
      { ...carts, checks: Object.fromEntries(Object.entries(carts.checks).reverse()) },
    ])
    assert.deepEqual(differing(base, hash(reordered, files)), [])
    const one = withCarts({ artifact: { kind: 'bundle', from: '', include: ['a', 'b'], exclude: ['c', 'd'] } })
    const other = withCarts({ artifact: { kind: 'bundle', from: '', include: ['b', 'a'], exclude: ['d', 'c'] } })
    assert.deepEqual(differing(hash(one, files), hash(other, files)), [])
  })

  it('another way to name the same files: none', () => {
    const one = projectOf([serviceOf('email', { path: 'services/email' }), carts])
    const other = projectOf([serviceOf('email', { path: null, inputs: [{ pattern: 'services/email/*.ts' }] }), carts])
    assert.equal(hash(one, files).inputHash['email'], hash(other, files).inputHash['email'])
  })

  it('a need: what is built from it, and from that', () => {
    const needing = projectOf([
      serviceOf('base', { path: 'services/email' }),
      serviceOf('middle', { path: 'services/carts', needs: ['base'] }),
      serviceOf('top', { path: 'packages', needs: ['middle'] }),
    ])
    const before = hash(needing, files).inputHash
    const after = hash(needing, { ...files, 'services/email/main.ts': 'E' }).inputHash
    for (const name of ['base', 'middle', 'top']) assert.notEqual(before[name], after[name])
  })

  it('a service that runs another’s artifact has the owner’s hash', () => {
    const worker = serviceOf('worker', { path: null, artifact: { kind: 'of', service: 'carts' } })
    const hashes = hash(projectOf([worker, carts, email]), files)
    assert.equal(hashes.inputHash['worker'], hashes.inputHash['carts'])
  })
})

function without(path: string): Files {
  return Object.fromEntries(Object.entries(files).filter(([name]) => name !== path))
}

/** Names that repositories have, and some that they should not. */
const name = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    'x.ts',
    '.env',
    'with space',
    'new\nline',
    '[id]',
    '(group)',
    '*',
    '{a,b}',
    '\udcff',
    '\udcfe',
    '!',
    'ä',
  ),
  fc.stringMatching(/^[a-z]{1,3}$/),
)
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'))
/** No path is a folder of another, as in every tree. */
const anyFiles = fc
  .dictionary(path, fc.constantFrom('1', '2', '3'), { minKeys: 1, maxKeys: 25, noNullPrototype: true })
  .map(
    (paths): Files =>
      Object.fromEntries(
        Object.entries(paths).filter(([one]) => !Object.keys(paths).some((other) => other.startsWith(`${one}/`))),
      ),
  )
const pattern = fc.oneof(
  path,
  fc.constantFrom(
    '**',
    'a/**',
    '**/*.ts',
    '*',
    'a/*/b',
    '**/a/**',
    '[ab]',
    '{a,b}/**',
    'new\nline/**',
    '\udcff/**',
    '**/.*',
  ),
)
const anyService = fc.record({
  path: fc.option(path, { nil: null }),
  inputs: fc.array(
    pattern.map((one) => ({ pattern: one })),
    { maxLength: 3 },
  ),
  checkInputs: fc.array(pattern, { maxLength: 2 }),
  deployInputs: fc.array(pattern, { maxLength: 2 }),
  ignore: fc.array(pattern, { maxLength: 2 }),
})

describe('for any tree and any service', () => {
  it('the hash changes with a file exactly when the file is an input, and the parts say which', () => {
    fc.assert(
      fc.property(anyFiles, anyService, fc.nat(), (some, part, at) => {
        const one = projectOf([serviceOf('one', part)])
        const changed = Object.keys(some)[at % Object.keys(some).length] ?? ''
        const isInput = pathsOf(select(one, some), 'one').includes(changed)
        const before = hash(one, some).inputHash['one']
        const after = hash(one, { ...some, [changed]: 'other' }).inputHash['one']
        assert.equal(before !== after, isInput)
      }),
      { numRuns: 300 },
    )
  })

  it('the order of the tree does not matter', () => {
    fc.assert(
      fc.property(anyFiles, anyService, (some, part) => {
        const one = projectOf([serviceOf('one', part)])
        const { contents } = readFiles(one, some)
        const hashed = (tree: ReturnType<typeof treeOf>) =>
          hashInputs({
            project: one,
            selection: selectInputs(one, tree, contents),
            platform: 'p',
            environmentValues: {},
          }).inputHash
        assert.deepEqual(hashed(treeOf(some)), hashed([...treeOf(some)].reverse()))
      }),
      { numRuns: 100 },
    )
  })

  it('nothing is both an input and a test, a manifest or ignored', () => {
    fc.assert(
      fc.property(anyFiles, anyService, (some, part) => {
        const selection = select(projectOf([serviceOf('one', part)]), some)
        const inputs = new Set(pathsOf(selection, 'one'))
        for (const list of ['checkInputs', 'deployInputs'] as const) {
          for (const one of pathsOf(selection, 'one', list)) assert.ok(!inputs.has(one), one)
        }
        const ignored = select(
          projectOf([serviceOf('one', { path: null, inputs: part.ignore.map((one) => ({ pattern: one })) })]),
          some,
        )
        for (const one of pathsOf(ignored, 'one')) assert.ok(!inputs.has(one), one)
      }),
      { numRuns: 200 },
    )
  })

  it('two names that differ in bytes that are not UTF-8 never share a hash', () => {
    const one = projectOf([serviceOf('one', { path: '.' })])
    assert.notEqual(hash(one, { 'a\udcff': '1' }).inputHash['one'], hash(one, { 'a\udcfe': '1' }).inputHash['one'])
  })
})
