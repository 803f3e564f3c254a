import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type Files,
  inputsOf,
  noteCodes,
  notesOf,
  pathsOf,
  projectOf,
  readFiles,
  select,
  serviceOf,
} from './tiny-repository.ts'

const json = (value: unknown): string => JSON.stringify(value)

const shop: Files = {
  'package.json': json({ name: 'shop', private: true, workspaces: ['services/*', 'packages/*'] }),
  'package-lock.json': '{}',
  '.npmrc': 'save-exact=true',
  'packages/common/package.json': json({ name: '@shop/common', version: '1.0.0', dependencies: { '@shop/log': '*' } }),
  'packages/common/index.ts': 'common',
  'packages/log/package.json': json({ name: '@shop/log', version: '2.1.0' }),
  'packages/log/index.ts': 'log',
  'packages/unused/package.json': json({ name: '@shop/unused' }),
  'packages/unused/index.ts': 'unused',
  'services/carts/package.json': json({ name: 'carts', dependencies: { '@shop/common': '^1.0.0', express: '^5.0.0' } }),
  'services/carts/main.ts': 'carts',
  'services/email/package.json': json({ name: 'email' }),
  'services/email/main.ts': 'email',
}

const project = projectOf([serviceOf('carts'), serviceOf('email')])

const withCarts = (dependencies: Record<string, string>, more: Files = {}): Files => ({
  ...shop,
  'services/carts/package.json': json({ name: 'carts', dependencies }),
  ...more,
})

describe('inputs of an npm workspace', () => {
  it('are its folder, the workspaces it depends on, transitively, and what decides the install', () => {
    assert.deepEqual(inputsOf(select(project, shop), 'carts'), [
      '.npmrc (npm-lockfile)',
      'package-lock.json (npm-lockfile)',
      'package.json (npm-lockfile)',
      'packages/common/index.ts (npm-workspace)',
      'packages/common/package.json (npm-workspace)',
      'packages/log/index.ts (npm-workspace)',
      'packages/log/package.json (npm-workspace)',
      'services/carts/main.ts (path)',
      'services/carts/package.json (path)',
    ])
  })

  it('are not the folders of other services that the lockfile lists too', () => {
    assert.deepEqual(
      pathsOf(select(project, shop), 'email').filter((path) => path.startsWith('services/carts')),
      [],
    )
  })

  it('name the package.json and the dependency that made them inputs', () => {
    const common = select(project, shop)
      ['carts']?.inputs.map((input) => input)
      .find((input) => input.entry.path === 'packages/log/index.ts')
    assert.equal(common?.because, 'packages/common/package.json depends on @shop/log')
    assert.equal(common?.input, 'packages/log/**')
  })

  it('are read in two rounds', () => {
    assert.ok(readFiles(project, shop).rounds <= 2)
  })

  const specs: Array<[spec: string, isWorkspace: boolean, why: string]> = [
    ['*', true, 'any version'],
    ['workspace:*', true, 'the workspace protocol'],
    ['workspace:^', true, 'the workspace protocol with a range'],
    ['^2.0.0', true, 'a range that its version is in'],
    ['>=1 <3', true, 'a range in doubt'],
    ['latest', true, 'a tag, in doubt'],
    ['file:../../packages/log', true, 'a file: path'],
    ['link:../../packages/log', true, 'a link: path'],
    ['../../packages/log', true, 'a bare path'],
    ['1.0.0', false, 'another exact version, which comes from the registry'],
    ['^1.0.0', false, 'another major version'],
    ['~2.0.3', false, 'another minor version'],
    ['npm:log@2', false, 'an alias of a registry package'],
    ['https://example.com/log.tgz', false, 'a URL'],
    ['github:shop/log', false, 'a git address'],
  ]
  for (const [spec, isWorkspace, why] of specs) {
    it(`${isWorkspace ? 'hold' : 'leave out'} a workspace asked for by ${why} (${spec})`, () => {
      const selection = select(project, withCarts({ '@shop/log': spec }))
      assert.equal(pathsOf(selection, 'carts').includes('packages/log/index.ts'), isWorkspace)
    })
  }

  it('hold a workspace asked for under another name by the workspace protocol', () => {
    const selection = select(project, withCarts({ logging: 'workspace:@shop/log@*' }))
    assert.ok(pathsOf(selection, 'carts').includes('packages/log/index.ts'))
  })

  it('hold a tarball of the repository as one file', () => {
    const selection = select(
      project,
      withCarts({ x: 'file:../../vendor/x.tgz' }, { 'vendor/x.tgz': 'x', 'vendor/y.tgz': 'y' }),
    )
    assert.deepEqual(
      pathsOf(selection, 'carts').filter((path) => path.startsWith('vendor')),
      ['vendor/x.tgz'],
    )
  })

  it('note a dependency outside the repository and one that is not there', () => {
    const selection = select(project, withCarts({ out: 'file:../../../out', gone: 'file:../gone' }))
    assert.deepEqual(noteCodes(selection, 'carts'), ['dependency-outside', 'dependency-missing'])
  })

  it('survive workspaces that depend on each other', () => {
    const files = {
      ...shop,
      'packages/log/package.json': json({ name: '@shop/log', dependencies: { '@shop/common': '*' } }),
    }
    assert.ok(pathsOf(select(project, files), 'carts').includes('packages/log/package.json'))
  })

  it('leave out the tests and manifests of a service that another depends on', () => {
    const services = [serviceOf('carts'), serviceOf('email', { checkInputs: ['services/email/test/**'] })]
    const selection = select(projectOf(services), withCarts({ email: '*' }, { 'services/email/test/a.ts': 't' }))
    assert.deepEqual(
      pathsOf(selection, 'carts').filter((path) => path.startsWith('services/email')),
      ['services/email/main.ts', 'services/email/package.json'],
    )
  })

  it('are read from pnpm-workspace.yaml, with its exclusions', () => {
    const files = {
      ...withCarts({ '@shop/log': 'workspace:*', '@shop/common': 'workspace:*' }),
      'package.json': json({
        name: 'shop',
        pnpm: { patchedDependencies: { 'express@5.0.0': 'patches/express.patch' } },
      }),
      'pnpm-workspace.yaml': 'packages:\n  - "services/*"\n  - "packages/**"\n  - "!packages/common"\n',
      'pnpm-lock.yaml': 'lock',
      'patches/express.patch': 'p',
    }
    const paths = pathsOf(select(project, files), 'carts')
    for (const path of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'packages/log/index.ts', 'patches/express.patch']) {
      assert.ok(paths.includes(path), path)
    }
    assert.ok(!paths.includes('packages/common/index.ts'))
  })

  it('hold Yarn’s own committed release and settings', () => {
    const files = {
      ...shop,
      '.yarnrc.yml': 'yarnPath: .yarn/releases/yarn.cjs',
      '.yarn/releases/yarn.cjs': 'y',
      'yarn.lock': '',
    }
    const paths = pathsOf(select(project, files), 'carts')
    for (const path of ['.yarnrc.yml', '.yarn/releases/yarn.cjs', 'yarn.lock']) assert.ok(paths.includes(path), path)
  })

  it('of a package outside any workspace hold nothing of the root', () => {
    const files = { ...shop, 'package.json': json({ name: 'shop' }), 'services/carts/package-lock.json': '{}' }
    assert.deepEqual(pathsOf(select(project, files), 'carts'), [
      'services/carts/main.ts',
      'services/carts/package-lock.json',
      'services/carts/package.json',
    ])
  })

  it('are not looked for in a service of another language below a root package.json', () => {
    const files = {
      'package.json': shop['package.json'] ?? '',
      'package-lock.json': '{}',
      'services/carts/main.py': 'x',
    }
    assert.deepEqual(pathsOf(select(project, files), 'carts'), ['services/carts/main.py'])
  })

  it('hold the root’s package.json for a folder without one whose build runs npm', () => {
    const files = { 'package.json': json({ name: 'shop' }), 'package-lock.json': '{}', 'services/carts/main.ts': 'x' }
    const build = { run: 'cd services/carts && npm run build', timeoutMs: 1, env: { set: {}, pass: [] } }
    assert.deepEqual(pathsOf(select(projectOf([serviceOf('carts', { build })]), files), 'carts'), [
      'package-lock.json',
      'package.json',
      'services/carts/main.ts',
    ])
  })

  it('are noted as unknown where package.json is broken', () => {
    assert.deepEqual(noteCodes(select(project, { ...shop, 'services/carts/package.json': '{' }), 'carts'), [
      'package-json-unreadable',
    ])
  })

  it('are only what is declared with infer: false', () => {
    assert.deepEqual(pathsOf(select(projectOf([serviceOf('carts', { infer: false })]), shop), 'carts'), [
      'services/carts/main.ts',
      'services/carts/package.json',
    ])
  })
})

describe('inputs of a TypeScript project', () => {
  const config = (value: unknown) => `// settings\n${json(value).replace(/\}$/, ',}')} /* the end */`

  it('hold the chain of extends, with comments and trailing commas', () => {
    const files = {
      ...shop,
      'services/carts/tsconfig.json': config({ extends: '../../tsconfig.base' }),
      'tsconfig.base.json': config({
        extends: ['./config/strict.json', '@tsconfig/node24/tsconfig.json'],
        include: ['"//"'],
      }),
      'config/strict.json': config({ compilerOptions: {} }),
    }
    const inputs = inputsOf(select(project, files), 'carts')
    assert.ok(inputs.includes('tsconfig.base.json (tsconfig)'))
    assert.ok(inputs.includes('config/strict.json (tsconfig)'))
    assert.ok(!inputsOf(select(project, files), 'email').includes('tsconfig.base.json (tsconfig)'))
  })

  it('hold the chain of a workspace it depends on', () => {
    const files = {
      ...shop,
      'packages/log/tsconfig.json': config({ extends: '../../tsconfig.base.json' }),
      'tsconfig.base.json': '{}',
    }
    assert.ok(inputsOf(select(project, files), 'carts').includes('tsconfig.base.json (tsconfig)'))
  })

  it('hold referenced projects whole', () => {
    const files = {
      ...shop,
      'services/carts/tsconfig.json': config({ references: [{ path: '../../packages/unused' }] }),
      'packages/unused/tsconfig.json': config({ compilerOptions: { composite: true } }),
    }
    assert.ok(inputsOf(select(project, files), 'carts').includes('packages/unused/index.ts (tsconfig)'))
  })

  it('end where configs extend each other', () => {
    const files = {
      ...shop,
      'services/carts/tsconfig.json': config({ extends: '../../a.json' }),
      'a.json': config({ extends: './b.json' }),
      'b.json': config({ extends: './a.json' }),
    }
    assert.ok(pathsOf(select(project, files), 'carts').includes('b.json'))
  })

  it('note mapped imports and missing bases, and take neither', () => {
    const files = {
      ...shop,
      'services/carts/tsconfig.json': config({
        extends: './gone.json',
        compilerOptions: { paths: { '@x/*': ['../../packages/unused/*'] } },
      }),
    }
    const selection = select(project, files)
    assert.deepEqual(noteCodes(selection, 'carts'), ['tsconfig-missing', 'tsconfig-paths'])
    assert.match(notesOf(selection, 'carts')[1]?.hint ?? '', /packages\/unused\/\*\*/)
  })
})
