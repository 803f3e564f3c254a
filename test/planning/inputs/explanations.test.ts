import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { EsbuildRecipe, PathChange, Project } from '../../../src/model/index.ts'
import { createReuseExplanation, explainHash } from '../../../src/planning/inputs/index.ts'
import { executable, type Files, hash, projectOf, select, serviceOf, submodule, treeOf } from './tiny-repository.ts'

const files: Files = {
  'package-lock.json': '1',
  'packages/common/a.ts': 'a',
  'services/carts/main.ts': 'm',
  'services/carts/test/t.ts': 't',
  'services/carts/chart.yaml': 'y',
  'services/email/main.ts': 'e',
  'docs/x.md': 'x',
}
const carts = serviceOf('carts', {
  inputs: [{ pattern: 'packages/common/**' }],
  checkInputs: ['services/carts/test/**'],
  deployInputs: ['services/carts/chart.yaml'],
  build: { run: 'make', timeoutMs: 1, env: { set: { A: '1' }, pass: ['TOKEN'] } },
})
const prepare = { run: 'npm ci', inputs: ['package-lock.json'], timeoutMs: 1, env: { set: {}, pass: [] } }
const project = projectOf([carts, serviceOf('email', { needs: ['carts'] })], { prepare, tools: { node: '24' } })

function changesBetween(before: Files, after: Files): PathChange[] {
  const from = new Map(treeOf(before).map((entry) => [entry.path, entry]))
  const to = new Map(treeOf(after).map((entry) => [entry.path, entry]))
  return [...new Set([...from.keys(), ...to.keys()])].flatMap((path): PathChange[] => {
    const was = from.get(path) ?? null
    const is = to.get(path) ?? null
    if (was?.oid === is?.oid && was?.mode === is?.mode) return []
    return [{ path, kind: was === null ? 'added' : is === null ? 'removed' : 'modified', from: was, to: is }]
  })
}

function why(after: { files?: Files; project?: Project; values?: Record<string, string> }, name = 'carts'): string[] {
  const from = hash(project, files).services[name]
  const to = hash(after.project ?? project, after.files ?? files, after.values).services[name]
  assert.ok(from !== undefined && to !== undefined)
  return explainHash(from.build, to.build, changesBetween(files, after.files ?? files)).map((reason) => reason.message)
}

const withBuild = (run: string) => ({
  ...project,
  services: { ...project.services, carts: { ...carts, build: { run, timeoutMs: 1, env: { set: {}, pass: [] } } } },
})

const esbuild: EsbuildRecipe = {
  ...{ entries: { main: 'services/carts/main.ts' }, to: 'dist', format: 'cjs', target: 'node22', external: [] },
  ...{ sourcemap: 'linked', minify: false, define: {}, loader: {} },
}
const withEsbuild = {
  ...project,
  services: { ...project.services, carts: { ...carts, build: carts.build && { ...carts.build, esbuild } } },
}

describe('the explanation of another hash', () => {
  const cases: Array<[what: string, after: Parameters<typeof why>[0], messages: string[]]> = [
    ['is empty where nothing counts', { files: { ...files, 'docs/x.md': 'X' } }, []],
    [
      'names file, input and rule',
      { files: { ...files, 'services/carts/main.ts': 'M' } },
      ['services/carts/main.ts changed (input services/carts/**, rule path)'],
    ],
    [
      'names what was declared',
      { files: { ...files, 'packages/common/a.ts': 'A' } },
      ['packages/common/a.ts changed (input packages/common/**, rule declared)'],
    ],
    [
      'names a mode',
      { files: { ...files, 'services/carts/main.ts': executable('m') } },
      ['services/carts/main.ts changed its mode from file to executable (input services/carts/**, rule path)'],
    ],
    [
      'quotes a name that would break the line',
      { files: { ...files, 'services/carts/a\nb\udcff': '' } },
      ['"services/carts/a\\nb\\udcff" was added (input services/carts/**, rule path)'],
    ],
    [
      'names commands and environment, and no values of variables',
      { project: withBuild('make all') },
      [
        'the command changed from make to make all',
        'the fixed variable A was removed',
        'the passed-through variable TOKEN is not declared any more',
      ],
    ],
    ['names what esbuild is told', { project: withEsbuild }, ['what esbuild bundles, or how, was added']],
    [
      'names a passed-through variable',
      { values: { TOKEN: 'secret' } },
      ['the passed-through variable TOKEN is set now'],
    ],
    [
      'names a tool',
      { project: { ...project, tools: { node: '26' } } },
      ['the tool node changed from 24 to 26', 'prepare changed because the tool node changed from 24 to 26'],
    ],
    [
      'goes behind prepare',
      { files: { ...files, 'package-lock.json': '2' } },
      ['prepare changed because package-lock.json changed (input package-lock.json, rule prepare)'],
    ],
  ]
  for (const [what, after, messages] of cases) it(what, () => assert.deepEqual(why(after), messages))

  it('tells a rename as removed and added', () => {
    const { 'services/carts/main.ts': main, ...rest } = files
    assert.deepEqual(why({ files: { ...rest, 'services/carts/m.ts': main ?? '' } }), [
      'services/carts/m.ts was added (input services/carts/**, rule path)',
      'services/carts/main.ts was removed (input services/carts/**, rule path)',
    ])
  })

  it('goes behind needs', () => {
    assert.deepEqual(why({ files: { ...files, 'services/carts/main.ts': 'M' } }, 'email'), [
      'carts, which it is built from, changed because services/carts/main.ts changed (input services/carts/**, rule path)',
    ])
  })

  it('tells a file that became an input from one that was added', () => {
    const declaring = {
      ...project,
      services: { ...project.services, carts: { ...carts, inputs: [{ pattern: 'docs/**' }] } },
    }
    assert.deepEqual(why({ project: declaring }), [
      'docs/x.md became an input (input docs/**, rule declared)',
      'packages/common/a.ts is no input any more (input packages/common/**, rule declared)',
    ])
  })

  it('tells from which commit to which a submodule moved', () => {
    const [from, to] = ['1', '2'].map(
      (commit) => hash(project, { ...files, 'services/carts/lib': submodule(commit) }).services['carts'],
    )
    assert.ok(from !== undefined && to !== undefined)
    assert.match(
      explainHash(from.build, to.build)[0]?.message ?? '',
      /^services\/carts\/lib moved from [0-9a-f]{12} to [0-9a-f]{12} /,
    )
  })

  it('names the first twenty files and counts the rest, the service’s own first', () => {
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`packages/common/${at}.ts`, 'x']))
    const messages = why({ files: { ...files, ...many, 'services/carts/main.ts': 'M' } })
    assert.equal(messages.length, 21)
    assert.match(messages[0] ?? '', /^services\/carts\/main.ts/)
    assert.equal(messages.at(-1), '+11 more inputs changed')
  })

  it('is that it is new where there was none', () => {
    const { carts: hashed } = hash(project, files).services
    assert.ok(hashed !== undefined)
    assert.deepEqual(
      explainHash(null, hashed.build).map((reason) => reason.code),
      ['new'],
    )
  })

  it('is there for every difference of hashes, and for no other', () => {
    const state = fc.record({
      main: fc.constantFrom('m', 'M'),
      lock: fc.constantFrom('1', '2'),
      docs: fc.constantFrom('x', 'X'),
      token: fc.constantFrom(undefined, '', 'a', 'b'),
      rebuild: fc.constantFrom(null, '1'),
      run: fc.constantFrom('make', 'make all'),
      platform: fc.constantFrom('any', 'linux/x64'),
    })
    const hashed = (of: {
      main: string
      lock: string
      docs: string
      token: string | undefined
      rebuild: string | null
      run: string
      platform: string
    }) => {
      const service = {
        ...carts,
        rebuild: of.rebuild,
        build: { run: of.run, timeoutMs: 1, env: { set: {}, pass: ['TOKEN'] } },
      }
      const one = { ...project, platform: of.platform, services: { ...project.services, carts: service } }
      const some = { ...files, 'services/carts/main.ts': of.main, 'package-lock.json': of.lock, 'docs/x.md': of.docs }
      return hash(one, some, of.token === undefined ? {} : { TOKEN: of.token }).services['carts']?.build
    }
    fc.assert(
      fc.property(state, state, (one, other) => {
        const [before, after] = [hashed(one), hashed(other)]
        assert.ok(before !== undefined && after !== undefined)
        const codes = new Set(explainHash(before, after).map((reason) => reason.code))
        const expected = new Set([
          ...(one.main === other.main ? [] : ['input-changed']),
          ...(one.lock === other.lock && one.platform === other.platform ? [] : ['prepare-changed']),
          ...(one.token === other.token ? [] : ['environment-changed']),
          ...(one.rebuild === other.rebuild ? [] : ['rebuild-asked']),
          ...(one.run === other.run ? [] : ['recipe-changed']),
          ...(one.platform === other.platform ? [] : ['platform-changed']),
        ])
        assert.deepEqual(codes, expected)
        assert.equal(before.hash === after.hash, expected.size === 0)
      }),
      { numRuns: 100 },
    )
  })
})

describe('the explanation of a reuse', () => {
  const explain = (after: Files, name = 'carts') =>
    createReuseExplanation({
      selection: select(project, after),
      previous: select(project, files),
      changes: changesBetween(files, after),
    })(name).map((reason) => reason.message)

  it('says that nothing changed', () => assert.deepEqual(explain(files), ['no file changed']))

  it('names changed files that are inputs of nothing', () => {
    const after = { ...files, 'docs/x.md': 'X', 'docs/y.md': '', 'docs/z.md': '', 'docs/zz.md': '' }
    assert.deepEqual(explain(after), [
      'no input changed; 4 changed files are inputs of no build: docs/x.md, docs/y.md, docs/z.md +1 more',
    ])
  })

  it('names whose inputs they are, removed ones too', () => {
    const { 'services/email/main.ts': _removed, ...after } = files
    assert.deepEqual(explain(after), [
      'no input changed; 1 changed file is input of other services (email): services/email/main.ts',
    ])
  })

  it('names tests and manifests of its own', () => {
    assert.deepEqual(explain({ ...files, 'services/carts/test/t.ts': 'T', 'services/carts/chart.yaml': 'Y' }), [
      'no input of the build changed; services/carts/test/t.ts is read by checks only',
      'no input of the build changed; services/carts/chart.yaml says how it is deployed',
    ])
  })
})
