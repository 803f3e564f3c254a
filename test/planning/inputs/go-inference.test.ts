import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseGoModuleFile, parseGoSource } from '../../../src/planning/inputs/inference/go-source.ts'
import { type Files, inputsOf, noteCodes, pathsOf, projectOf, readFiles, select, serviceOf } from './tiny-repository.ts'

const go = (...imports: string[]): string =>
  `package x\n\nimport (\n${imports.map((path) => `\t"${path}"\n`).join('')})\n`

/** The repository of brief 000, in short. */
const monorepo: Files = {
  'go.mod': 'module example.com/shop\n\ngo 1.26\n',
  'go.sum': 'sum',
  'cmd/discount/main.go': go('fmt', 'example.com/shop/discount', 'github.com/x/y'),
  'cmd/discount/main_test.go': go('testing', 'example.com/shop/internal/fake'),
  'cmd/product/main.go': go('example.com/shop/internal/db'),
  'discount/discount.go': go('example.com/shop/internal/db'),
  'discount/discount_test.go': go('testing'),
  'discount/testdata/a.json': '{}',
  'internal/db/db.go': go('embed'),
  'internal/db/db_windows.go': `//go:build windows\n${go('example.com/shop/internal/win')}`,
  'internal/db/asm_amd64.s': 'TEXT',
  'internal/win/win.go': go(),
  'internal/fake/fake.go': go(),
  'internal/other/other.go': go(),
  'docs/x.md': 'x',
}

const discount = serviceOf('discount', { path: 'cmd/discount' })
const project = projectOf([discount, serviceOf('product', { path: 'cmd/product' })])

describe('inputs of a Go service', () => {
  it('are its folder, the packages it imports, whatever their build constraints, and go.mod', () => {
    assert.deepEqual(inputsOf(select(project, monorepo), 'discount'), [
      'cmd/discount/main.go (path)',
      'discount/discount.go (go-package)',
      'go.mod (go-module)',
      'go.sum (go-module)',
      'internal/db/asm_amd64.s (go-package)',
      'internal/db/db.go (go-package)',
      'internal/db/db_windows.go (go-package)',
      'internal/win/win.go (go-package)',
    ])
  })

  it('leave tests to checks, with what only tests import and read', () => {
    assert.deepEqual(pathsOf(select(project, monorepo), 'discount', 'checkInputs'), [
      'cmd/discount/main_test.go',
      'discount/discount_test.go',
      'discount/testdata/a.json',
      'internal/fake/fake.go',
    ])
  })

  it('leave out packages that only other services import', () => {
    const paths = pathsOf(select(project, monorepo), 'product')
    assert.ok(!paths.includes('discount/discount.go') && !paths.includes('internal/other/other.go'))
    assert.ok(paths.includes('internal/db/db.go'))
  })

  it('name the file and the import', () => {
    const db = select(project, monorepo)
      ['discount']?.inputs.map((input) => input)
      .find((input) => input.entry.path === 'internal/db/db.go')
    assert.equal(db?.because, 'discount/discount.go imports example.com/shop/internal/db')
    assert.equal(db?.input, 'internal/db/*')
  })

  it('are read in two rounds, however long the chain of imports', () => {
    assert.ok(readFiles(project, monorepo).rounds <= 2)
  })

  it('hold what is embedded, by the rules of go:embed', () => {
    const files = {
      ...monorepo,
      'internal/db/db.go':
        'package db\nimport _ "embed"\n//go:embed sql/*.sql "with space.txt" static all:hidden\nvar x string\n',
      'internal/db/sql/1.sql': '1',
      'internal/db/sql/sub/2.sql': '2',
      'internal/db/with space.txt': '3',
      'internal/db/static/a/b.css': '4',
      'internal/db/static/_c.css': '5',
      'internal/db/hidden/_d.css': '6',
      'internal/db/other.txt': '7',
    }
    assert.deepEqual(
      inputsOf(select(project, files), 'discount').filter((input) => input.endsWith('(go-embed)')),
      [
        'internal/db/hidden/_d.css (go-embed)',
        'internal/db/sql/1.sql (go-embed)',
        'internal/db/static/a/b.css (go-embed)',
        'internal/db/with space.txt (go-embed)',
      ],
    )
  })

  it('note a package and an embedded file that are not there', () => {
    const files = {
      ...monorepo,
      'cmd/discount/main.go': `${go('example.com/shop/gen/api')}\n//go:embed dist\nvar x string\n`,
    }
    assert.deepEqual(noteCodes(select(project, files), 'discount').sort(), ['go-embed-missing', 'go-package-missing'])
  })

  it('hold what is vendored', () => {
    const files = { ...monorepo, 'vendor/modules.txt': 'v', 'vendor/github.com/x/y/y.go': 'package y' }
    assert.ok(inputsOf(select(project, files), 'discount').includes('vendor/github.com/x/y/y.go (go-module)'))
  })

  it('cross modules by replace', () => {
    const files: Files = {
      'services/carts/go.mod':
        'module carts\nreplace (\n\texample.com/lib v1.0.0 => ../../lib // local\n\tout => ../../../out\n)\n',
      'services/carts/main.go': go('example.com/lib/pkg', 'out/x'),
      'lib/go.mod': 'module example.com/lib',
      'lib/pkg/pkg.go': go('example.com/lib/inner'),
      'lib/inner/inner.go': go(),
      'lib/unused/unused.go': go(),
    }
    const selection = select(projectOf([serviceOf('carts')]), files)
    assert.deepEqual(pathsOf(selection, 'carts'), [
      'lib/go.mod',
      'lib/inner/inner.go',
      'lib/pkg/pkg.go',
      'services/carts/go.mod',
      'services/carts/main.go',
    ])
    assert.deepEqual(noteCodes(selection, 'carts'), ['go-replacement-outside'])
  })

  it('cross modules by go.work, whose other modules count by their go.mod only', () => {
    const files: Files = {
      'go.work': 'go 1.26\nuse (\n\t./services/carts\n\t./lib\n\t./other\n)\n',
      'go.work.sum': 's',
      'services/carts/go.mod': 'module carts',
      'services/carts/main.go': go('example.com/lib/pkg'),
      'lib/go.mod': 'module example.com/lib',
      'lib/pkg/pkg.go': go(),
      'other/go.mod': 'module other',
      'other/other.go': go(),
    }
    assert.deepEqual(pathsOf(select(projectOf([serviceOf('carts')]), files), 'carts'), [
      'go.work',
      'go.work.sum',
      'lib/go.mod',
      'lib/pkg/pkg.go',
      'other/go.mod',
      'services/carts/go.mod',
      'services/carts/main.go',
    ])
  })

  it('start from the package that the build names where the service has no folder', () => {
    const build = {
      run: 'CGO_ENABLED=0 go build -o out/discount ./cmd/discount',
      timeoutMs: 1,
      env: { set: {}, pass: [] },
    }
    const service = serviceOf('discount', { path: null, build })
    const inputs = inputsOf(select(projectOf([service]), monorepo), 'discount')
    assert.ok(inputs.includes('cmd/discount/main.go (go-package)'))
    assert.ok(inputs.includes('internal/win/win.go (go-package)'))
    assert.ok(!inputs.some((input) => input.startsWith('cmd/product')))
  })

  it('are not the whole module because a check says ./...', () => {
    const check = { run: 'go test ./...', timeoutMs: 1, env: { set: {}, pass: [] } }
    const selection = select(projectOf([{ ...discount, checks: { test: check } }]), monorepo)
    assert.ok(!pathsOf(selection, 'discount', 'checkInputs').includes('internal/other/other.go'))
  })

  it('are noted as unknown without a go.mod', () => {
    assert.deepEqual(noteCodes(select(projectOf([discount]), { 'cmd/discount/main.go': go('a/b') }), 'discount'), [
      'go-without-module',
    ])
  })
})

describe('reading Go', () => {
  it('finds imports of every form, and none after the first declaration', () => {
    const source = `// Package x "not"
package x /* import "no" */

import "a"
import b "b/b"; import . "c"
import (
  _ "d" // "no"
  \`e\`
  e2 "f"
)

var s = \`import "no"\`
import "no"
`
    assert.deepEqual(parseGoSource(source).imports, ['a', 'b/b', 'c', 'd', 'e', 'f'])
  })

  it('reads go.mod in both styles', () => {
    const file = parseGoModuleFile('module "m" // x\nreplace a => ./a\nreplace b v1 => c v2\nrequire (\n a v1\n)\n')
    assert.equal(file.module, 'm')
    assert.deepEqual([...file.replacements], [['a', './a']])
  })
})
