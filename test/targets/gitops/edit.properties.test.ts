/** Of any file, an edit changes the bytes of what is meant and no other. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseAllDocuments } from 'yaml'
import type { Digest } from '../../../src/model/index.ts'
import {
  type Edit,
  edit,
  type PathStep,
  parsePath,
  pathText,
  readImages,
} from '../../../src/targets/gitops/edit/index.ts'
import { outlineOf } from '../../../src/targets/gitops/edit/located.ts'
import { parseJson } from '../../../src/targets/gitops/edit/parse-json.ts'
import { parseYaml } from '../../../src/targets/gitops/edit/parse-yaml.ts'
import { documents, layout, type Spot, writeYaml } from './written-yaml.ts'

const digests = fc.stringMatching(/^[0-9a-f]{64}$/).map((hex) => `sha256:${hex}` as Digest)
const newText = fc.oneof(
  fc.string({ maxLength: 16, unit: 'grapheme' }),
  fc.string({ maxLength: 16, unit: 'grapheme-ascii' }),
  digests,
  fc.constantFrom(
    '1',
    'true',
    'null',
    '- a',
    '{a}',
    'a: b',
    'a #b',
    "'",
    '"',
    '\n',
    '\t',
    '\u0085',
    '\u2028',
    '\uFEFF',
  ),
)

const setAt = (data: unknown, path: readonly PathStep[], value: unknown): unknown => {
  const [step, ...rest] = path
  if (step === undefined) return value
  const copy = structuredClone(data) as Record<string | number, unknown>
  const name = step.kind === 'key' ? step.key : step.kind === 'index' ? step.index : assert.fail('no such path here')
  copy[name] = setAt(copy[name], rest, value)
  return copy
}

const dataOf = (text: string): unknown[] =>
  parseAllDocuments(text.replace(/^\uFEFF/, '')).map((document) => {
    assert.deepEqual(document.errors, [])
    return document.toJS()
  })

/** Bytes around the spot are the same, byte for byte; answers what stands in between now. */
function onlyChanged(before: string, after: string, { start, end }: { start: number; end: number }): string {
  const tail = before.length - end
  assert.equal(after.slice(0, start), before.slice(0, start), 'everything before stays')
  assert.equal(after.slice(after.length - tail), before.slice(end), 'everything behind stays')
  return after.slice(start, after.length - tail)
}

const valueEdit = ({ document, path }: Spot, value: string): Edit => ({
  at: { kind: 'value', document: { index: document }, path },
  value,
})

test('of a generated file in any layout only the value that is meant changes', () => {
  fc.assert(
    fc.property(documents, layout, fc.nat(), newText, (roots, how, choice, wanted) => {
      const { text, spots } = writeYaml(roots, how)
      const spot = spots[choice % spots.length]
      fc.pre(spot !== undefined && !String(spot.value).includes('{{'))
      const result = edit(text, 'generated.yaml', [valueEdit(spot, wanted)])
      assert.equal(result.kind, 'edited', `${JSON.stringify(result)}\n${text}`)
      if (result.kind !== 'edited') return
      onlyChanged(text, result.text, spot)
      const data = dataOf(result.text)
      const now = spot.path.reduce<unknown>(
        (at, step) =>
          (at as Record<string | number, unknown>)[
            step.kind === 'key' ? step.key : step.kind === 'index' ? step.index : ''
          ],
        data[spot.document],
      )
      assert.equal(String(now), wanted)
      const expected = dataOf(text)
      expected[spot.document] = setAt(expected[spot.document], spot.path, now)
      assert.deepEqual(data, expected, 'it reads back as it was but for that value')
      if (!wanted.includes('{{')) {
        const again = edit(result.text, 'generated.yaml', [valueEdit(spot, wanted)])
        assert.deepEqual(again, { ...result, changed: false }, 'doing it twice changes nothing')
      }
      // And back again, where the value was text: the quotes may differ then, nothing else.
      if (wanted.includes('{{')) return
      const back = edit(result.text, 'generated.yaml', [valueEdit(spot, String(spot.value))])
      assert.equal(back.kind, 'edited')
      if (back.kind === 'edited') onlyChanged(text, back.text, spot)
    }),
    { numRuns: 600 },
  )
})

test('edits made together come to the same as one after another', () => {
  fc.assert(
    fc.property(documents, layout, fc.array(fc.tuple(fc.nat(), newText), { maxLength: 6 }), (roots, how, choices) => {
      const { text, spots } = writeYaml(roots, how)
      const edits = choices.flatMap(([choice, wanted]) => {
        const spot = spots[choice % spots.length]
        const isTemplate = wanted.includes('{{') || String(spot?.value).includes('{{')
        return spot === undefined || isTemplate ? [] : [valueEdit(spot, wanted)]
      })
      const together = edit(text, 'generated.yaml', edits)
      assert.ok(together.kind === 'edited', JSON.stringify(together))
      let one = text
      for (const next of edits) {
        const result = edit(one, 'generated.yaml', [next])
        assert.ok(result.kind === 'edited')
        one = result.text
      }
      assert.equal(together.text, one)
    }),
    { numRuns: 200 },
  )
})

test('several entries that are missing come into a kustomization in their order', () => {
  const names = ['carts', 'web', 'users']
  const digest = `sha256:${'a'.repeat(64)}` as Digest
  const edits = names.map(
    (name): Edit => ({ at: { kind: 'kustomize', name }, image: { digest, repository: null, origin: null } }),
  )
  for (const text of ['', 'images:\n', 'images: []\n', 'images:\n  - name: web\n']) {
    const before = `resources: [../base]\n${text}`
    const result = edit(before, 'kustomization.yaml', edits)
    assert.ok(result.kind === 'edited', JSON.stringify(result))
    for (const name of names)
      assert.deepEqual(readImages(result.text, 'kustomization.yaml', { kind: 'kustomize', name }), {
        kind: 'read',
        images: [{ repository: name, tag: null, digest }],
      })
  }
})

test('of generated JSON only the value that is meant changes', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string({ maxLength: 6 }), fc.jsonValue({ maxDepth: 3 }), { minKeys: 1 }),
      fc.nat(8),
      newText,
      (data, gap, wanted) => {
        fc.pre(!wanted.includes('{{'))
        const text = JSON.stringify(data, null, gap)
        const file = parseJson({ text, file: 'a.json' })
        const scalars = [...outlineOf(file).ways].filter(([node]) => node.kind === 'scalar')
        for (const [node] of scalars.slice(0, 5)) {
          const path = pathTo(file.documents[0]?.root ?? null, node)
          if (path === null || path.length === 0) continue
          if (text.slice(node.start, node.end).includes('{{')) continue
          const one: Edit = { at: { kind: 'value', document: {}, path }, value: wanted }
          const result = edit(text, 'a.json', [one])
          assert.equal(result.kind, 'edited', JSON.stringify(result))
          if (result.kind !== 'edited') continue
          const written = JSON.parse(onlyChanged(text, result.text, node)) as unknown
          assert.equal(String(written), wanted)
          assert.deepEqual(JSON.parse(result.text), setAt(JSON.parse(text), path, written))
        }
      },
    ),
    { numRuns: 300 },
  )
})

test('a path reads back as it was written', () => {
  const step: fc.Arbitrary<PathStep> = fc.oneof(
    fc.record({ kind: fc.constant('key' as const), key: fc.string({ minLength: 1 }) }),
    fc.record({ kind: fc.constant('index' as const), index: fc.nat(999_999) }),
    fc.record({
      kind: fc.constant('item' as const),
      field: fc.stringMatching(/^[a-z][a-z-]{0,8}$/),
      value: fc.string({ minLength: 1 }),
    }),
  )
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 6 }), (steps) => {
      assert.deepEqual(
        parsePath(pathText(steps)),
        steps.map((one) => ({ ...one })),
      )
    }),
  )
})

test('whatever is done to a kustomization, it has the digest afterwards, and the rest of its lines', () => {
  const entry = fc.record({
    name: fc.constantFrom('carts', 'web', 'users'),
    newName: fc.option(fc.constantFrom('r.example/shop/carts', 'old/web'), { nil: undefined }),
    newTag: fc.option(fc.constantFrom('"v1"', 'v2', '"12"'), { nil: undefined }),
    digest: fc.option(digests, { nil: undefined }),
    order: fc.nat(23),
    comment: fc.constantFrom('', ' # by hand'),
    style: fc.constantFrom('block', 'flow'),
  })
  const file = fc.record({
    entries: fc.uniqueArray(entry, { selector: ({ name }) => name, maxLength: 3 }),
    before: fc.constantFrom('', 'resources:\n  - ../base\n', 'kind: Kustomization\nresources: [../base]\n'),
    behind: fc.constantFrom('', '\n# the end\n', 'namespace: prod\n'),
    indent: fc.constantFrom('', '  '),
    ending: fc.constantFrom('\n', '\r\n'),
  })
  fc.assert(
    fc.property(file, digests, fc.option(fc.constant('new/carts')), (what, digest, repository) => {
      const lines = what.entries.flatMap(({ order, comment, style, ...fields }) => {
        const pairs = Object.entries(fields).filter(([, value]) => value !== undefined)
        const turned = pairs.map((_, index) => pairs[(index + order) % pairs.length] ?? assert.fail())
        if (style === 'flow')
          return [`${what.indent}- {${turned.map(([key, value]) => `${key}: ${value}`).join(', ')}}${comment}`]
        return turned.map(
          ([key, value], index) => `${what.indent}${index === 0 ? '- ' : '  '}${key}: ${value}${comment}`,
        )
      })
      const images = lines.length === 0 ? '' : `images:\n${lines.join('\n')}\n`
      const text = `${what.before}${images}${what.behind}`.replaceAll('\n', what.ending)
      fc.pre(text.trim() !== '' && !/^\s*#/.test(text))
      const one: Edit = { at: { kind: 'kustomize', name: 'carts' }, image: { digest, repository, origin: null } }
      const result = edit(text, 'kustomization.yaml', [one])
      if (result.kind === 'refused') {
        // A tag before its neighbours with comments between: for a person.
        assert.equal(result.code, 'PLACE_NOT_UNDERSTOOD', JSON.stringify(result))
        return
      }
      const read = readImages(result.text, 'kustomization.yaml', { kind: 'kustomize', name: 'carts' })
      const before = what.entries.find(({ name }) => name === 'carts')
      assert.deepEqual(read, {
        kind: 'read',
        images: [{ repository: repository ?? before?.newName ?? 'carts', tag: null, digest }],
      })
      assert.deepEqual(edit(result.text, 'kustomization.yaml', [one]), { ...result, changed: false })
      const touched = /carts|digest|newTag|newName|images/
      const others = (whole: string) => whole.split(what.ending).filter((line) => line !== '' && !touched.test(line))
      const kept = others(text)
      assert.deepEqual(
        others(result.text).filter((line) => kept.includes(line)),
        kept,
      )
      for (const { name, digest: theirs } of what.entries)
        if (name !== 'carts' && theirs !== undefined) assert.ok(result.text.includes(theirs))
    }),
    { numRuns: 500 },
  )
})

test('every value of the project’s own YAML is edited alone, or refused', () => {
  const files = globSync(
    ['examples/**/*.{yaml,yml}', 'trunkline.yaml', 'test/targets/gitops/manifests/**/*.{yaml,yml}'],
    {
      exclude: (name) => name.includes('node_modules'),
    },
  ).filter((file) => !file.includes('/infra/')) // Templates of CloudFormation: their tags are refused.
  assert.ok(files.length >= 3)
  let edits = 0
  for (const file of files) {
    const text = readFileSync(file, 'utf8')
    if (text.includes('{{')) continue
    const located = parseYaml({ text, file })
    located.documents.forEach(({ root }, index) => {
      for (const [node] of outlineOf({ ...located, documents: [located.documents[index] ?? assert.fail()] }).ways) {
        const path = pathTo(root, node)
        if (node.kind !== 'scalar' || path === null || path.length === 0) continue
        const result = edit(text, file, [{ at: { kind: 'value', document: { index }, path }, value: 'other-value' }])
        if (result.kind === 'refused') {
          if (result.code === 'PLACE_SHARED') continue
          assert.match(text.slice(node.start, node.end), /\n/, `${file}: ${result.line}: ${result.sentence}`)
          continue
        }
        const written = onlyChanged(text, result.text, node)
        assert.match(written, /^ ?["']?other-value["']?$/)
        edits++
      }
    })
  }
  assert.ok(edits > 100, `${edits} edits`)
})

/** The way to a node, through keys and indexes; null where keys are no text. */
function pathTo(root: unknown, wanted: unknown, path: PathStep[] = []): PathStep[] | null {
  if (root === wanted) return path
  const node = root as { kind: string; pairs?: Array<{ key: { value?: unknown }; value: unknown }>; items?: unknown[] }
  for (const { key, value } of node.pairs ?? []) {
    if (typeof key.value !== 'string') continue
    const found = pathTo(value, wanted, [...path, { kind: 'key', key: key.value }])
    if (found !== null) return found
  }
  for (const [index, item] of (node.items ?? []).entries()) {
    const found = pathTo(item, wanted, [...path, { kind: 'index', index }])
    if (found !== null) return found
  }
  return null
}
