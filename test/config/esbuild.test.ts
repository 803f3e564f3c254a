import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parse, problemsIn } from './project-text.ts'

const shop = (
  esbuild: string,
  { run = 'run: { lambda: { handler: handler.main, runtime: nodejs22.x } }', more = '', build = '' } = {},
) => `project: shop
aws: { region: eu-west-1 }
services:
  carts:
    path: carts
    build: { ${build} esbuild: { ${esbuild} } }
    ${run}
    ${more}
environments:
  prod: { target: { lambda: { bucket: shop-artifacts } } }
`

function cartsOf(text: string) {
  const parsed = parse(text)
  assert.ok('project' in parsed, JSON.stringify(parsed))
  const carts = parsed.project.services['carts']
  assert.ok(carts?.build?.esbuild)
  return { build: carts.build, esbuild: carts.build.esbuild, artifact: carts.artifact }
}

describe('builds by esbuild in trunkline.yaml', () => {
  it('of a function say its entry, and are a zip of what is made for its runtime', () => {
    const { build, esbuild, artifact } = cartsOf(shop('entry: carts/src/handler.ts'))
    assert.equal(build.run, null)
    assert.deepEqual(esbuild, {
      ...{ entries: { handler: 'carts/src/handler.ts' }, to: 'carts/dist', format: 'cjs', target: 'node22' },
      ...{ external: ['@aws-sdk/*', '@smithy/*'], sourcemap: 'linked', minify: false, define: {}, loader: {} },
    })
    assert.deepEqual(artifact, {
      ...{ kind: 'zip', from: 'carts/dist', include: ['**'], exclude: ['.git/**', '.trunkline/**'] },
    })
  })

  it('may have several entries, by their own names or by given ones, and all else that is said', () => {
    const several = cartsOf(shop('entry: [carts/a.ts, carts/b.mts]')).esbuild
    assert.deepEqual(several.entries, { a: 'carts/a.ts', b: 'carts/b.mts' })
    const said = cartsOf(
      shop(
        'entry: { api/orders: carts/a.ts }, to: out, format: esm, target: es2023, external: [], sourcemap: none, minify: true, define: { DEBUG: false }, loader: { .sql: text }',
        { build: 'run: make generated, timeout: 1m,', more: 'artifact: { zip: { from: out, include: ["**/*.mjs"] } }' },
      ),
    )
    assert.deepEqual(said.esbuild, {
      ...{ entries: { 'api/orders': 'carts/a.ts' }, to: 'out', format: 'esm', target: 'es2023', external: [] },
      ...{ sourcemap: 'none', minify: true, define: { DEBUG: 'false' }, loader: { '.sql': 'text' } },
    })
    assert.deepEqual([said.build.run, said.build.timeoutMs], ['make generated', 60_000])
    assert.deepEqual(said.artifact, {
      ...{ kind: 'zip', from: 'out', include: ['**/*.mjs'], exclude: ['.git/**', '.trunkline/**'] },
    })
  })

  it('of what is no function are a bundle, with all that is imported in it', () => {
    const command = shop('entry: carts/main.ts', { run: 'run: { command: node main.cjs }' })
    const { esbuild, artifact } = cartsOf(
      command.replace('lambda: { bucket: shop-artifacts }', 'fleet: { hosts: [local] }'),
    )
    assert.deepEqual([esbuild.target, esbuild.external, artifact.kind], ['node20', [], 'bundle'])
  })

  it('are refused where something is amiss', () => {
    const problem = (esbuild: string) => problemsIn(shop(esbuild))[0]
    assert.match(problem('minify: true') ?? '', /^MISSING_KEY `entry` is missing/)
    assert.match(
      problem('entry: [carts/a.ts, carts/other/a.ts]') ?? '',
      /^DUPLICATE_ENTRY `carts\/other\/a\.ts` and `carts\/a\.ts` would both become `a`/,
    )
    assert.match(problem('entry: ../a.ts') ?? '', /^PATH_OUTSIDE_REPOSITORY/)
    assert.match(problem('entry: { ../up: carts/a.ts }') ?? '', /^INVALID_VALUE .* is no name of a file to make/)
    assert.match(problem('entry: a.ts, target: chrome100') ?? '', /^INVALID_VALUE `target` must be a target/)
    assert.match(problem('entry: a.ts, external: [--serve]') ?? '', /^INVALID_VALUE .*the name of a package/)
    assert.match(problem('entry: a.ts, sourceMap: linked') ?? '', /^UNKNOWN_KEY .*did you mean `sourcemap`/)
    assert.match(
      problemsIn('project: shop\nservices: { carts: { path: carts, build: { timeout: 1m } } }\n')[0] ?? '',
      /builds nothing/,
    )
  })
})
