/** Random histories of a repository with every kind of service, in which paths come, go, and change their places and kinds. */
import fc from 'fast-check'
import type { Environment } from '../../../src/model/index.ts'
import { executable, type Files, link, projectOf, serviceOf } from './tiny-repository.ts'

const overlay = { name: 'stage', recipe: { deployInputs: ['deploy/stage/**'] } } as unknown as Environment // all that selection reads

export const pathsProject = projectOf(
  [
    serviceOf('carts', {
      inputs: [
        { pattern: 'packages/common/**' },
        { pattern: 'versions.env', keys: ['CARTS'] },
        { pattern: 'assets/**/*.{svg,png}' },
        { pattern: 'pages/[id]' },
      ],
      checkInputs: ['services/carts/test/**', 'docs/**/*.md'],
      deployInputs: ['deploy/*.yaml', 'deploy/**/values.yaml'],
      checks: { test: { run: 'make test', timeoutMs: 1, env: { set: {}, pass: [] } } },
    }),
    serviceOf('email', { needs: ['carts'], ignore: ['**/*.md', 'services/email/sub/a.ts'] }),
    serviceOf('worker', {
      path: null,
      artifact: { kind: 'of', service: 'carts' },
      checkInputs: ['services/carts/src/*.ts'],
    }),
    serviceOf('web'),
    serviceOf('api', { path: 'go/api', needs: ['worker'] }),
    serviceOf('image'),
    serviceOf('poetry'),
  ],
  {
    shared: [{ pattern: 'shared/*.txt' }],
    prepare: {
      run: 'make tools',
      inputs: ['tools/**'],
      outputs: [],
      timeoutMs: 1,
      env: { set: {}, pass: [] },
    } as never, // what is not read may be missing
    environments: { stage: overlay },
  },
)

export const pathsStart: Files = {
  'package.json': '{"workspaces":["services/*","packages/*"]}',
  'versions.env': 'CARTS=1\nEMAIL=1\n',
  'services/carts/package.json': '{"name":"carts"}',
  'services/carts/src/a.ts': 'one',
  'services/carts/src/b.ts': 'one',
  'services/carts/test/a.ts': 'one',
  'services/email/a.ts': 'one',
  'services/email/b.ts': 'one',
  'services/email/sub/a.ts': 'one',
  'services/email/sub/b.ts': 'one',
  'services/email/sub/readme.md': 'one',
  'services/web/package.json': '{"name":"web","dependencies":{"@shop/log":"*"}}',
  'services/web/tsconfig.json': '{"references":[{"path":"../../packages/common"}]}',
  'services/web/src/a.ts': 'one',
  'packages/log/package.json': '{"name":"@shop/log"}',
  'packages/log/a.ts': 'one',
  'packages/log/lib/a.ts': 'one',
  'packages/common/a.ts': 'one',
  'packages/common/lib/a.ts': 'one',
  'packages/common/lib/b.ts': 'one',
  'assets/x.svg': 'one',
  'assets/icons/x.svg': 'one',
  'assets/icons/y.svg': 'one',
  'assets/icons/a.ts': 'one',
  'deploy/values.yaml': 'one',
  'deploy/stage/values.yaml': 'one',
  'docs/readme.md': 'one',
  'docs/sub/readme.md': 'one',
  'go/api/go.mod': 'module shop/api\n',
  'go/api/main.go': 'package main\nimport "shop/api/internal/x"\n',
  'go/api/internal/x/x.go': 'package x\n',
  'go/api/internal/x/a.ts': 'one',
  'services/image/Dockerfile': 'FROM x\nCOPY assets /assets\nCOPY services/image/src .\n',
  'services/image/src/a.ts': 'one',
  'services/poetry/pyproject.toml': '[tool.poetry.dependencies]\nlog = { path = "../../packages/log" }\n',
  'services/poetry/src/a.ts': 'one',
  'shared/a.txt': 'one',
  'tools/a.ts': 'one',
  'pages/[id]/a.ts': 'one',
  'other/deep/a.ts': 'one',
}

const folders = [
  ...new Set(Object.keys(pathsStart).map((path) => path.slice(0, path.lastIndexOf('/') + 1))),
  ...['services/email/new/', 'services/web/src/far/away/', 'packages/common/lib/new/', 'nowhere/'],
]
const plainNames = [
  'a.ts',
  'b.ts',
  'c.ts',
  'd.ts',
  'y.svg',
  'z.png',
  'readme.md',
  'b.txt',
  'values.yaml',
  'é.ts',
  'new',
]
const tellingNames: Record<string, string[]> = {
  'package.json': ['{"name":"@shop/log"}', '{}', '{"name":"other","dependencies":{"@shop/log":"*"}}'],
  Dockerfile: ['FROM x\nCOPY packages /p\n', 'FROM x\nCOPY src .\n'],
  '.dockerignore': ['**/*.svg\n'],
  'tsconfig.json': ['{}', '{"extends":"../../packages/log/tsconfig.json"}'],
  'main.go': ['package main\n', 'package main\nimport "shop/api/internal/x"\n'],
  'x_test.go': ['package x\n'],
  'go.mod': ['module shop/other\n'],
  'requirements.txt': ['-e ../../packages/common\n'],
  'yarn.lock': ['one', 'two'],
  'versions.env': ['CARTS=1\nEMAIL=2\n', 'CARTS=2\n'],
}

type Edit = (files: Files) => Files

const anyPath = fc
  .tuple(fc.constantFrom(...folders), fc.constantFrom(...plainNames))
  .map(([folder, name]) => folder + name)
const plainContent = fc.constantFrom<Files[string]>('one', 'two', 'three', executable('one'))
const tellingFile = fc
  .tuple(fc.constantFrom(...folders), fc.constantFrom(...Object.keys(tellingNames)))
  .chain(([folder, name]) => fc.tuple(fc.constant(folder + name), fc.constantFrom(...(tellingNames[name] ?? []))))
const anyLink = fc.tuple(anyPath, fc.constantFrom('a.ts', '../src', '../../assets', '../nowhere', '.'))

/** A file cannot stand where a folder does. */
function put(files: Files, path: string, file: Files[string]): Files {
  const kept = Object.entries(files).filter(([other]) => !other.startsWith(`${path}/`) && !path.startsWith(`${other}/`))
  return { ...Object.fromEntries(kept), [path]: file }
}

function without(files: Files, at: number): { path: string; file: Files[string]; rest: Files } {
  const paths = Object.keys(files)
  const path = paths[at % paths.length] ?? ''
  const { [path]: file = '', ...rest } = files
  return { path, file, rest }
}

const edit: fc.Arbitrary<Edit> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(anyPath, plainContent).map(
      ([path, file]): Edit =>
        (files) =>
          put(files, path, file),
    ),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(fc.nat(), plainContent).map(
      ([at, file]): Edit =>
        (files) => {
          const { path, file: before, rest } = without(files, at)
          return { ...rest, [path]: path.endsWith('.ts') ? file : before }
        },
    ),
  },
  {
    weight: 3,
    arbitrary: fc.nat().map(
      (at): Edit =>
        (files) =>
          without(files, at).rest,
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.nat(), anyPath).map(
      ([at, to]): Edit =>
        (files) => {
          const { file, rest } = without(files, at)
          return put(rest, to, file)
        },
    ),
  },
  {
    weight: 1,
    arbitrary: tellingFile.map(
      ([path, text]): Edit =>
        (files) =>
          put(files, path, text),
    ),
  },
  {
    weight: 1,
    arbitrary: anyLink.map(
      ([path, to]): Edit =>
        (files) =>
          put(files, path, link(to)),
    ),
  },
)

/** Commits one after the other, the first of them `pathsStart`. */
export const pathHistory = (maximumLength: number): fc.Arbitrary<Files[]> =>
  fc
    .array(fc.array(edit, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: maximumLength })
    .map((commits) => {
      const history = [pathsStart]
      for (const edits of commits) history.push(edits.reduce((files, apply) => apply(files), history.at(-1) ?? {}))
      return history
    })
