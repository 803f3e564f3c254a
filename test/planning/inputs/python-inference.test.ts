import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Files, inputsOf, noteCodes, projectOf, select, serviceOf } from './tiny-repository.ts'

const project = projectOf([serviceOf('email')])

const files = (manifest: Files): Files => ({
  'services/email/main.py': 'x',
  'libs/common/common/__init__.py': 'c',
  'libs/common/pyproject.toml': '[project]\nname = "shop-common"\ndependencies = ["shop-base @ file:../base"]\n',
  'libs/base/base.py': 'b',
  'libs/other/other.py': 'o',
  ...manifest,
})

const inferred = (manifest: Files): string[] =>
  inputsOf(select(project, files(manifest)), 'email')
    .filter((input) => input.endsWith('(python-path)'))
    .map((input) => input.replace(/ \(.*/, ''))

const both = ['libs/base/base.py', 'libs/common/common/__init__.py', 'libs/common/pyproject.toml']

const manifests: Array<[name: string, file: string, text: string]> = [
  ['Poetry', 'pyproject.toml', '[tool.poetry.dependencies]\ncommon = { path = "../../libs/common", develop = true }\n'],
  [
    'Poetry groups',
    'pyproject.toml',
    '[tool.poetry.group.dev.dependencies]\ncommon = { path = "../../libs/common" }\n',
  ],
  ['uv', 'pyproject.toml', '[tool.uv.sources]\nshop-common = { path = "../../libs/common", editable = true }\n'],
  ['PEP 508', 'pyproject.toml', '[project]\ndependencies = ["requests>=2", "shop-common @ file:../../libs/common"]\n'],
  ['Pipenv', 'Pipfile', '[packages]\nshop-common = {path = "../../libs/common", editable = true}\nrequests = "*"\n'],
  ['pip, editable', 'requirements.txt', '# x\nrequests==2.0 # y\n-e ../../libs/common\n'],
  ['pip, from where it runs', 'requirements-dev.txt', '--editable ./libs/common[extra]\n'],
  ['pip, file:', 'requirements.txt', 'shop-common @ file:../../libs/common ; python_version > "3"\n'],
]

describe('inputs of a Python service', () => {
  for (const [name, file, text] of manifests) {
    it(`hold the folders it depends on, transitively: ${name}`, () => {
      assert.deepEqual(inferred({ [`services/email/${file}`]: text }), both)
    })
  }

  it('hold requirements that requirements include, and their paths', () => {
    const manifest = {
      'services/email/requirements.txt': '-r ../../base.txt\n-c ../../constraints.txt\n',
      'base.txt': '-r base.txt\n-e ./libs/common\n',
      'constraints.txt': 'requests==2\n',
    }
    assert.deepEqual(inferred(manifest), ['base.txt', 'constraints.txt', ...both])
  })

  it('hold members of a uv workspace, with its lock', () => {
    const manifest = {
      'pyproject.toml': '[tool.uv.workspace]\nmembers = ["services/*", "libs/*"]\n',
      'uv.lock': 'lock',
      'services/email/pyproject.toml':
        '[project]\nname = "email"\n[tool.uv.sources]\nshop_common = { workspace = true }\n',
    }
    assert.deepEqual(inferred(manifest), [...both, 'pyproject.toml', 'uv.lock'])
  })

  it('leave out what comes from an index or a URL', () => {
    assert.deepEqual(
      inferred({
        'services/email/requirements.txt':
          'requests\ngit+https://x.y/z.git\nx @ https://x.y/z.whl\n--index-url https://a/b\n',
      }),
      [],
    )
  })

  it('note paths that are missing or outside', () => {
    const selection = select(
      project,
      files({
        'services/email/pyproject.toml':
          '[tool.poetry.dependencies]\na = { path = "../gone" }\nb = { path = "../../../out" }\n',
      }),
    )
    assert.deepEqual(noteCodes(selection, 'email'), ['python-path-missing', 'python-path-outside'])
  })
})
