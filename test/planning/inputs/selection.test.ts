import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { selectOverlays, unclaimedPaths } from '../../../src/planning/inputs/selecting.ts'
import {
  type Files,
  inputsOf,
  link,
  noteCodes,
  notesOf,
  pathsOf,
  projectOf,
  select,
  serviceOf,
  submodule,
  treeOf,
} from './tiny-repository.ts'

const files: Files = {
  'trunkline.yaml': 'project: shop',
  'base.json': 'b',
  'packages/common/a.txt': 'a',
  'packages/common/b.txt': 'b',
  'services/carts/main.txt': 'm',
  'services/carts/test/t.txt': 't',
  'services/carts/deploy/chart.yaml': 'c',
  'services/carts/deploy/prod.yaml': 'p',
  'services/carts/README.md': 'r',
  'services/email/main.txt': 'e',
  'docs/x.md': 'd',
}

const prod = {
  prod: {
    name: 'prod',
    routes: [],
    after: [],
    approval: null,
    windows: [],
    targets: {},
    variables: { prefix: null, dotenv: [] },
    onFailure: [],
    recipe: {
      rollout: 'half' as const,
      before: [],
      after: [],
      rollback: [],
      verify: [],
      deployInputs: ['services/carts/deploy/prod.yaml'],
    },
  },
}

describe('inputs of a service', () => {
  it('are its folder, what it declares and what all share, each with its rule', () => {
    const project = projectOf([serviceOf('carts', { inputs: [{ pattern: 'packages/common' }] })], {
      shared: [{ pattern: 'base.json' }],
    })
    assert.deepEqual(inputsOf(select(project, files), 'carts'), [
      'base.json (shared)',
      'packages/common/a.txt (declared)',
      'packages/common/b.txt (declared)',
      'services/carts/README.md (path)',
      'services/carts/deploy/chart.yaml (path)',
      'services/carts/deploy/prod.yaml (path)',
      'services/carts/main.txt (path)',
      'services/carts/test/t.txt (path)',
    ])
  })

  it('leave out what only checks read, what says how it is deployed, overlays, and what is ignored', () => {
    const carts = serviceOf('carts', {
      checkInputs: ['services/carts/test/**', 'docs/**'],
      deployInputs: ['services/carts/deploy'],
      ignore: ['**/*.md'],
    })
    const selection = select(projectOf([carts], { environments: prod }), files)
    assert.deepEqual(pathsOf(selection, 'carts'), ['services/carts/main.txt'])
    assert.deepEqual(pathsOf(selection, 'carts', 'checkInputs'), ['services/carts/test/t.txt'])
    assert.deepEqual(pathsOf(selection, 'carts', 'deployInputs'), ['services/carts/deploy/chart.yaml'])
    assert.deepEqual(
      selectOverlays(projectOf([carts], { environments: prod }), treeOf(files))['prod']?.map((entry) => entry.path),
      ['services/carts/deploy/prod.yaml'],
    )
  })

  it('of a service that runs another’s artifact are the owner’s, without the manifests of both', () => {
    const project = projectOf([
      serviceOf('worker', {
        path: null,
        artifact: { kind: 'of', service: 'carts' },
        deployInputs: ['services/carts/deploy/**'],
      }),
      serviceOf('carts', { ignore: ['services/carts/test/**'] }),
    ])
    const selection = select(project, files)
    assert.deepEqual(pathsOf(selection, 'worker'), pathsOf(selection, 'carts'))
    assert.deepEqual(pathsOf(selection, 'worker'), ['services/carts/README.md', 'services/carts/main.txt'])
    assert.equal(pathsOf(selection, 'worker', 'deployInputs').length, 2)
  })

  it('leave out trunkline.yaml for a service at the root, unless it is named', () => {
    assert.ok(!pathsOf(select(projectOf([serviceOf('all', { path: '.' })]), files), 'all').includes('trunkline.yaml'))
    const named = projectOf([serviceOf('all', { path: '.', inputs: [{ pattern: 'trunkline.yaml' }] })])
    assert.equal(pathsOf(select(named, files), 'all').length, Object.keys(files).length)
  })

  it('take the folder by its letters, whatever they look like', () => {
    const odd = { 'apps/[x]/a': '1', 'apps/x/a': '2', 'apps/[x]\n/a': '3', 'apps/\udcff/a': '4' }
    assert.deepEqual(pathsOf(select(projectOf([serviceOf('a', { path: 'apps/[x]' })]), odd), 'a'), ['apps/[x]/a'])
    assert.deepEqual(pathsOf(select(projectOf([serviceOf('a', { path: 'apps/\udcff' })]), odd), 'a'), ['apps/\udcff/a'])
  })

  it('are noted where a pattern or the folder matches nothing', () => {
    const carts = serviceOf('carts', { path: 'gone', inputs: [{ pattern: '!docs/**' }], checkInputs: ['nope/**'] })
    const selection = select(projectOf([carts], { shared: [{ pattern: 'Base.json' }] }), files)
    assert.deepEqual(noteCodes(selection, 'carts'), [
      'path-missing',
      'input-matches-nothing',
      'input-matches-nothing',
      'input-matches-nothing',
    ])
    assert.match(notesOf(selection, 'carts')[1]?.hint ?? '', /ignore/)
  })

  it('hold a submodule as one entry', () => {
    const selection = select(projectOf([serviceOf('carts')]), { 'services/carts/lib': submodule('1') })
    assert.deepEqual(pathsOf(selection, 'carts'), ['services/carts/lib'])
  })

  it('say which paths are inputs of nothing', () => {
    const project = projectOf([serviceOf('carts', { ignore: ['**/*.md'] }), serviceOf('email')])
    assert.deepEqual(unclaimedPaths(project, treeOf(files), select(project, files)), [
      'base.json',
      'docs/x.md',
      'packages/common/a.txt',
      'packages/common/b.txt',
      'services/carts/README.md',
    ])
  })
})

describe('a symbolic link among the inputs', () => {
  const linked = (target: string, more: Files = {}) =>
    select(projectOf([serviceOf('carts')]), { ...files, 'services/carts/link': link(target), ...more })
  const brought = (selection: ReturnType<typeof select>) =>
    inputsOf(selection, 'carts')
      .filter((input) => input.endsWith('(symlink)'))
      .map((input) => input.replace(/ \(.*/, ''))

  it('brings the file it leads to', () => assert.deepEqual(brought(linked('../../docs/x.md')), ['docs/x.md']))

  it('brings the folder it leads to', () =>
    assert.deepEqual(brought(linked('../../packages/common')), ['packages/common/a.txt', 'packages/common/b.txt']))

  it('brings links on the way and what they lead to', () => {
    const more = { 'docs/second': link('../packages/alias/a.txt'), 'packages/alias': link('common') }
    assert.deepEqual(brought(linked('../../docs/second', more)), [
      'docs/second',
      'packages/alias',
      'packages/common/a.txt',
    ])
  })

  const ends: Array<[target: string, code: string]> = [
    ['/etc/passwd', 'symlink-outside'],
    ['../../../out', 'symlink-outside'],
    ['../../gone', 'symlink-dangling'],
    ['link', 'symlink-loop'],
    ['..', 'symlink-to-parent'],
  ]
  for (const [target, code] of ends) {
    it(`is noted where it leads to ${target}`, () => assert.deepEqual(noteCodes(linked(target), 'carts'), [code]))
  }

  it('ends where links lead in circles', () => {
    const selection = linked('../../packages/common', { 'packages/common/back': link('../../services/carts/link') })
    assert.ok(pathsOf(selection, 'carts').includes('packages/common/a.txt'))
  })
})
