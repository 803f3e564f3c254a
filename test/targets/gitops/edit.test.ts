/** Edits of manifests: what is written, and what is refused with its line. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Digest } from '../../../src/model/index.ts'
import { type Edit, edit, parsePath, readImages, readValue } from '../../../src/targets/gitops/edit/index.ts'

const digest = `sha256:${'a'.repeat(64)}` as Digest
const other = `sha256:${'b'.repeat(64)}` as Digest

const kustomize = (name: string, repository: string | null = null): Edit => ({
  at: { kind: 'kustomize', name },
  image: { digest, repository, origin: null },
})
const image = (
  path: string,
  options: { repository?: string; document?: { kind?: string; name?: string } } = {},
): Edit => ({
  at: { kind: 'image', document: options.document ?? {}, path: parsePath(path) },
  image: { digest, repository: options.repository ?? null, origin: null },
})
const containers = (repository: string): Edit => ({
  at: { kind: 'containers', repository },
  image: { digest, repository: null, origin: null },
})
const value = (path: string, text: string): Edit => ({
  at: { kind: 'value', document: {}, path: parsePath(path) },
  value: text,
})

function edited(text: string, one: Edit, file = 'file.yaml'): string {
  const result = edit(text, file, [one])
  assert.equal(result.kind, 'edited', JSON.stringify(result))
  if (result.kind !== 'edited') return ''
  assert.equal(result.changed, result.text !== text)
  const again = edit(result.text, file, [one])
  assert.deepEqual(again, { ...result, changed: false }, 'an edit that is done already changes nothing')
  return result.text
}

function refused(text: string, one: Edit, file = 'file.yaml') {
  const result = edit(text, file, [one])
  assert.equal(result.kind, 'refused', JSON.stringify(result))
  if (result.kind !== 'refused') throw new Error('unreachable')
  assert.equal(result.file, file)
  return { code: result.code, line: result.line, column: result.column, sentence: result.sentence }
}

describe('images of a kustomization', () => {
  test('a digest is replaced, and its quotes, comments and the other entries stay', () => {
    const text = `# overlay of prod\nimages:\n  - name: web\n    digest: '${other}' # set by delivery\n  - name: carts\n    digest: ${other}\n`
    assert.equal(edited(text, kustomize('web')), text.replace(other, digest))
  })

  test('a tag makes way for the digest where it stands', () => {
    assert.equal(
      edited('images:\n- name: carts # ours\n  newName: r/carts\n  newTag: "v1" # by hand\n', kustomize('carts')),
      `images:\n- name: carts # ours\n  newName: r/carts\n  digest: "${digest}" # by hand\n`,
    )
  })

  test('a tag beside a digest goes, and the comment beside it stays', () => {
    const after = (tag: string) => `images:\n- name: carts\n${tag}  digest: ${digest}\n`
    const before = (tag: string) => after(tag).replace(digest, other)
    assert.equal(edited(before('  newTag: v1\n'), kustomize('carts')), after(''))
    assert.equal(edited(before('  newTag: v1 # why\n'), kustomize('carts')), after('  # why\n'))
    assert.equal(
      edited(`images:\n- newTag: v1\n  name: carts\n  digest: ${other}`, kustomize('carts')),
      `images:\n- name: carts\n  digest: ${digest}`,
    )
    assert.equal(
      edited(`images:\n- name: carts\n  digest: ${other}\n  newTag: v1`, kustomize('carts')),
      `images:\n- name: carts\n  digest: ${digest}`,
    )
  })

  test('a missing entry is added in the style of the list', () => {
    assert.equal(
      edited('images:\n  -   name: web\n      newTag: "1"\n\n# the end\nx: 1\n', kustomize('carts', 'r/carts')),
      `images:\n  -   name: web\n      newTag: "1"\n  -   name: carts\n      newName: r/carts\n      digest: ${digest}\n\n# the end\nx: 1\n`,
    )
    assert.equal(
      edited('images: [{name: web, newTag: "1"}]\n', kustomize('carts')),
      `images: [{name: web, newTag: "1"}, {name: carts, digest: ${digest}}]\n`,
    )
  })

  test('a missing list is added at the end, with the line ending and the indentation of the file', () => {
    assert.equal(
      edited('resources:\r\n  - ../base\r\n# the end', kustomize('carts')),
      `resources:\r\n  - ../base\r\n# the end\r\nimages:\r\n  - name: carts\r\n    digest: ${digest}`,
    )
    assert.equal(
      edited('resources: [../base]\nimages:\nnamespace: prod\n', kustomize('carts')),
      `resources: [../base]\nimages:\n- name: carts\n  digest: ${digest}\nnamespace: prod\n`,
    )
  })

  test('where the image is pulled from follows, where it is told', () => {
    assert.equal(
      edited(`images:\n- name: carts\n  newName: old/carts\n  digest: ${digest}\n`, kustomize('carts', 'new/carts')),
      `images:\n- name: carts\n  newName: new/carts\n  digest: ${digest}\n`,
    )
    assert.equal(
      edited('images:\n- name: carts\n', kustomize('carts', 'new/carts')),
      `images:\n- name: carts\n  newName: new/carts\n  digest: ${digest}\n`,
    )
  })

  test('JSON is edited too', () => {
    assert.equal(
      edited(
        '{\n\t"images": [\n\t\t{\n\t\t\t"name": "carts"\n\t\t}\n\t]\n}\n',
        kustomize('carts'),
        'kustomization.json',
      ),
      `{\n\t"images": [\n\t\t{\n\t\t\t"name": "carts",\n\t\t\t"digest": "${digest}"\n\t\t}\n\t]\n}\n`,
    )
  })

  test('what is no kustomization, or says a name twice, is refused with its line', () => {
    const { code, line } = refused('images:\n- name: carts\n- name: carts\n', kustomize('carts'))
    assert.deepEqual([code, line], ['PLACE_AMBIGUOUS', 3])
    assert.equal(refused('kind: Deployment\nimages: []\n', kustomize('carts')).code, 'PLACE_NOT_UNDERSTOOD')
    assert.equal(refused('a: 1\n---\nb: 1\n', kustomize('carts')).line, 3)
    assert.equal(refused('x: &i\n- name: carts\nimages: *i\n', kustomize('carts')).code, 'PLACE_SHARED')
    assert.equal(refused('images:\n- &c\n  name: carts\n- *c\n', kustomize('web')).code, 'PLACE_SHARED')
  })
})

describe('images in Helm values', () => {
  test('one text keeps its repository and its quotes', () => {
    assert.equal(
      edited(`carts: { image: 'r.example:5000/shop/carts:v1' } # ours\n`, image('carts.image')),
      `carts: { image: 'r.example:5000/shop/carts@${digest}' } # ours\n`,
    )
    assert.equal(edited('image: a/b:1\n', image('image', { repository: 'c/d' })), `image: c/d@${digest}\n`)
  })

  test('a map has its digest set, and its tag where the chart knows no digest', () => {
    assert.equal(
      edited('image:\n  repository: r/carts\n  tag: v1\n  digest: ""\n', image('image')),
      `image:\n  repository: r/carts\n  tag: v1\n  digest: "${digest}"\n`,
    )
    assert.equal(
      edited('image:\n  repository: r/carts\n  tag: 1 # first\n', image('image')),
      `image:\n  repository: r/carts\n  tag: aaaaaaaaaaaa@${digest} # first\n`,
    )
    assert.equal(
      edited('image:\n  digest:   # none yet\n', image('image')),
      `image:\n  digest: ${digest}   # none yet\n`,
    )
  })

  test('one of several documents is chosen by kind and name, or because it alone has the path', () => {
    const text = 'kind: A\nmetadata: {name: x}\nimage: a/b:1\n---\nkind: A\nmetadata: {name: y}\nimage: a/b:2\n'
    assert.equal(
      edited(text, image('image', { document: { kind: 'A', name: 'y' } })),
      text.replace('a/b:2', `a/b@${digest}`),
    )
    assert.equal(refused(text, image('image')).code, 'PLACE_AMBIGUOUS')
    assert.equal(edited('a: 1\n---\nimage: a/b:2\n', image('image')), `a: 1\n---\nimage: a/b@${digest}\n`)
  })

  test('a map without a place for an image, a number, and a missing path are refused', () => {
    assert.deepEqual(refused('a:\n  image:\n    repository: x\n', image('a.image')).line, 3)
    assert.equal(refused('a: { image: [1] }\n', image('a.image')).code, 'PLACE_NOT_UNDERSTOOD')
    const { code, line, sentence } = refused('services:\n  web: {}\n', image('services.carts.image'))
    assert.deepEqual([code, line], ['PLACE_MISSING', 2])
    assert.match(sentence, /services\.carts\.image .* there is no services\.carts$/)
  })
})

describe('images of containers', () => {
  const manifests = [
    '# all of carts',
    'apiVersion: apps/v1',
    'kind: Deployment',
    'spec:',
    '  template:',
    '    spec:',
    '      initContainers:',
    '        - { name: migrate, image: "r.example/shop/carts:v1" }',
    '      containers:',
    '        - name: carts',
    `          image: r.example/shop/carts@sha256:${'b'.repeat(64)}   # ours`,
    '        - name: proxy',
    '          image: r.example/shop/carts-proxy:v1',
    '---',
    'apiVersion: batch/v1',
    'kind: CronJob',
    'spec: {jobTemplate: {spec: {template: {spec: {containers: [{image: r.example/shop/carts:v1}]}}}}}',
    '...',
    '',
  ].join('\r\n')

  test('every container of that repository is changed, in every document, and no other', () => {
    const after = edited(manifests, containers('r.example/shop/carts'))
    const expected = manifests.replaceAll(
      /r\.example\/shop\/carts(?::v1|@sha256:b+)(?=["} \r])/g,
      `r.example/shop/carts@${digest}`,
    )
    assert.equal(after, expected)
    assert.equal(after.split(digest).length, 4)
  })

  test('a repository that no container has matches nothing, which is no refusal', () => {
    const result = edit(manifests, 'all.yaml', [containers('r.example/shop/web')])
    assert.deepEqual(result, { kind: 'edited', text: manifests, changed: false, matches: 0 })
  })

  test('a name without a slash means the image of that name, wherever it is pulled from', () => {
    const after = edited(manifests, containers('carts'))
    assert.equal(after, edited(manifests, containers('r.example/shop/carts')))
    assert.equal(edit(manifests, 'all.yaml', [containers('arts')]).kind === 'edited', true)
    assert.equal(edited(manifests, containers('arts')), manifests)
  })

  test('an image that is an alias is refused at its line', () => {
    const { code, line } = refused('x: &i r/carts:1\nspec:\n  containers:\n  - image: *i\n', containers('r/carts'))
    assert.deepEqual([code, line], ['PLACE_SHARED', 4])
  })
})

describe('any value', () => {
  test('lists are entered by index or by a field, and keys with dots in quotes', () => {
    assert.equal(
      edited('a:\n- {name: x, v: 1}\n- {name: y, v: 1}\n', value('a[name=y].v', '2')),
      'a:\n- {name: x, v: 1}\n- {name: y, v: 2}\n',
    )
    assert.equal(edited('"a.b/c": [x, y]\n', value('"a.b/c"[1]', 'z')), '"a.b/c": [x, z]\n')
  })

  test('text that YAML would read as something else is quoted', () => {
    for (const text of [
      '1e3',
      'yes',
      '0x1F',
      '12:30:45',
      'null',
      '',
      '~',
      ' a',
      'a: b',
      'a #b',
      '2026-01-01',
      '*a',
      'é',
    ]) {
      const after = edited('v: old\n', value('v', text))
      assert.equal(after, `v: ${JSON.stringify(text)}\n`)
    }
    assert.equal(edited("v: 'it'\n", value('v', "it's")), "v: 'it''s'\n")
    assert.equal(edited('v: true\n', value('v', 'yes')), 'v: "yes"\n')
    assert.equal(edited('v: true # on\n', value('v', 'false')), 'v: false # on\n')
  })

  test('a value is read as it stands', () => {
    assert.deepEqual(readValue('v: 1\n', 'f.yaml', { kind: 'value', document: {}, path: parsePath('v') }), {
      kind: 'read',
      value: '1',
    })
    assert.deepEqual(
      readImages(`images: [{name: a, digest: "${digest}"}]`, 'f.yaml', { kind: 'kustomize', name: 'a' }),
      {
        kind: 'read',
        images: [{ repository: 'a', tag: null, digest }],
      },
    )
  })

  test('a path that is none says where', () => {
    for (const wrong of ['', 'a..b', 'a[', 'a[x]', '.a', 'a b', 'a["x]', 'a[0'])
      assert.throws(() => parsePath(wrong), { code: 'PATH_INVALID' }, wrong)
  })
})

describe('what is not understood is refused, with file and line', () => {
  const cases: Array<[what: string, text: string, path: string, code: string, line: number]> = [
    ['an anchor that is used elsewhere', 'a: &x v\nb: *x\n', 'a', 'PLACE_SHARED', 1],
    ['a map around it that is used elsewhere', 'a: 1\nb: &x\n  c: v\nd: *x\n', 'b.c', 'PLACE_SHARED', 3],
    ['an alias', 'a: &x v\nb: *x\n', 'b', 'PLACE_SHARED', 2],
    ['what comes by a merge key', 'a: &x {c: v}\nb:\n  <<: *x\n', 'b.c', 'PLACE_SHARED', 3],
    ['a block of several lines', 'a: 1\nb: |\n  v\n', 'b', 'PLACE_NOT_UNDERSTOOD', 2],
    ['a quoted value of several lines', 'a: 1\nb: "v\n  w"\n', 'b', 'PLACE_NOT_UNDERSTOOD', 2],
    ['a tag', 'a: !secret v\n', 'a', 'PLACE_NOT_UNDERSTOOD', 1],
    ['a map in place of a value', 'a: {b: c}\n', 'a', 'PLACE_NOT_UNDERSTOOD', 1],
    ['a value that a template makes', 'a: "{{ .Values.a }}"\n', 'a', 'FILE_TEMPLATED', 1],
    ['a template', 'x: 1\n{{- if .Values.on }}\na: v\n{{- end }}\n', 'a', 'FILE_TEMPLATED', 2],
    ['a template that is YAML by accident', 'a: v\nb: {{ .Values.b }}\n', 'a', 'FILE_TEMPLATED', 2],
    ['a template within plain text', 'a: v\nb: x-{{ .Values.b }}\n', 'a', 'FILE_TEMPLATED', 2],
    ['the same key twice', 'a: v\nb: 1\na: w\n', 'a', 'FILE_INVALID', 3],
    ['a tab that indents', 'a:\n\tb: v\n', 'a.b', 'FILE_INVALID', 2],
    ['what is no YAML', 'a: "v\n', 'a', 'FILE_INVALID', 2],
    ['an empty file', '', 'a', 'PLACE_MISSING', 1],
    ['a file of comments', '# a: v\n', 'a', 'PLACE_MISSING', 1],
    ['an index beyond the list', 'a: [v]\n', 'a[3]', 'PLACE_MISSING', 1],
    ['two items of one name', 'a:\n- {n: x}\n- {n: x}\n', 'a[n=x].n', 'PLACE_AMBIGUOUS', 3],
    ['deep nesting', `a: ${'['.repeat(100)}${']'.repeat(100)}\n`, 'a', 'FILE_INVALID', 1],
  ]
  for (const [what, text, path, code, line] of cases) {
    test(what, () => {
      const refusal = refused(text, value(path, 'new'))
      assert.deepEqual([refusal.code, refusal.line], [code, line], refusal.sentence)
    })
  }

  test('JSON with a mistake names its place', () => {
    for (const [text, line] of [
      ['{"a": 1,\n}', 2],
      ['{"a": 1\n"b": 2}', 2],
      ['{"a": 1,\n"a": 2}', 2],
      ['{"a": 01}', 1],
      ['{"a": "x\ny"}', 1],
      ['{"a": 1}\n1', 2],
      ['{"a": // no\n1}', 1],
      ['', 1],
    ] as const) {
      const refusal = refused(text, value('a', 'b'), 'a.json')
      assert.deepEqual([refusal.code, refusal.line], ['FILE_INVALID', line], text)
    }
  })

  test('of several edits all are made, or none', () => {
    const text = 'a: v\n'
    const result = edit(text, 'f.yaml', [value('a', 'w'), value('b', 'w')])
    assert.equal(result.kind, 'refused')
  })
})
