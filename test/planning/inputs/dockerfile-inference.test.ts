import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseDockerfile } from '../../../src/planning/inputs/inference/dockerfile.ts'
import { type Files, inputsOf, noteCodes, notesOf, pathsOf, projectOf, select, serviceOf } from './tiny-repository.ts'

const build = (run: string) => ({ run, timeoutMs: 1, env: { set: {}, pass: [] } })

const files = (dockerfile: string, more: Files = {}): Files => ({
  'services/carts/Dockerfile': dockerfile,
  'services/carts/main.ts': 'x',
  'proto/cart.proto': 'p',
  'proto/cart.md': 'm',
  'lib/a.ts': 'a',
  'lib/a.log': 'l',
  'docs/x.md': 'd',
  ...more,
})

const copied = (selection: ReturnType<typeof select>): string[] =>
  inputsOf(selection, 'carts')
    .filter((input) => input.endsWith('(dockerfile-copy)'))
    .map((input) => input.replace(/ \(.*/, ''))

const carts = projectOf([serviceOf('carts')])
const atRoot = projectOf([serviceOf('carts', { build: build('docker build -t carts -f services/carts/Dockerfile .') })])

describe('inputs of an image', () => {
  it('are what its Dockerfile copies from the context that the command names', () => {
    const dockerfile = `FROM node AS build
COPY proto/*.proto ./proto/
ADD --chown=1:1 ["lib", "/lib"]
COPY --from=build /out /out
ADD https://example.com/x.tgz /x
RUN --mount=type=bind,source=docs,target=/docs --mount=type=cache,target=/c make
`
    assert.deepEqual(copied(select(atRoot, files(dockerfile))), [
      'docs/x.md',
      'lib/a.log',
      'lib/a.ts',
      'proto/cart.proto',
    ])
  })

  it('are those of the Dockerfile that the artifact is built from, with its context, target and arguments', () => {
    const artifact = {
      ...{ kind: 'dockerfile' as const, dockerfile: 'docker/carts', context: '', target: 'final', timeoutMs: 1 },
      ...{ args: { FOLDER: 'proto' }, platforms: [], secrets: {} },
    }
    const project = projectOf([serviceOf('carts', { artifact })])
    const dockerfile = 'FROM x AS final\nARG FOLDER=lib\nCOPY $FOLDER /p\nFROM x AS other\nCOPY lib /l\n'
    assert.deepEqual(copied(select(project, files('FROM x\nCOPY docs /d\n', { 'docker/carts': dockerfile }))), [
      'docker/carts',
      'proto/cart.md',
      'proto/cart.proto',
    ])
  })

  it('name the line that copies', () => {
    const proto = select(atRoot, files('FROM x\nCOPY \\\n  # why not\n  proto /p\n'))
      ['carts']?.inputs.map((input) => input)
      .find((input) => input.entry.path === 'proto/cart.proto')
    assert.equal(proto?.because, 'services/carts/Dockerfile:2 copies proto')
  })

  it('have the root as context where only the root has all that is copied', () => {
    assert.deepEqual(copied(select(carts, files('FROM x\nCOPY proto /p\nCOPY services/carts .\n'))), [
      'proto/cart.md',
      'proto/cart.proto',
    ])
  })

  it('have the Dockerfile’s folder as context where it has all', () => {
    assert.deepEqual(copied(select(carts, files('FROM x\nCOPY main.ts .\n'))), [])
  })

  it('are noted as unknown where no context has all', () => {
    assert.deepEqual(noteCodes(select(carts, files('FROM x\nCOPY main.ts proto ./\n')), 'carts'), [
      'dockerfile-context-unknown',
    ])
  })

  it('are not the whole repository because of COPY . .', () => {
    const selection = select(atRoot, files('FROM x\nCOPY . .\n'))
    assert.deepEqual(pathsOf(selection, 'carts'), ['services/carts/Dockerfile', 'services/carts/main.ts'])
    assert.deepEqual(noteCodes(selection, 'carts'), ['dockerfile-whole-context'])
  })

  it('leave out what .dockerignore leaves out, and hold .dockerignore itself', () => {
    const selection = select(
      atRoot,
      files('FROM x\nCOPY proto lib ./\n', { '.dockerignore': '# x\n**/*.md\nlib/*\n!lib/a.ts\n' }),
    )
    assert.deepEqual(copied(selection), ['.dockerignore', 'lib/a.ts', 'proto/cart.proto'])
  })

  it('follow build arguments of the command, and note what has no value', () => {
    const dockerfile = `ARG WHAT=proto\nFROM x\nARG WHAT\nARG DIR=lib\nCOPY $WHAT /x\nCOPY \${DIR:-docs}/a.ts /y\nCOPY \${NOPE} /z\n`
    const project = projectOf([
      serviceOf('carts', {
        build: build('docker buildx build --build-arg DIR=lib -f services/carts/Dockerfile --load .'),
      }),
    ])
    const selection = select(project, files(dockerfile))
    assert.deepEqual(copied(selection), ['lib/a.ts', 'proto/cart.md', 'proto/cart.proto'])
    assert.deepEqual(
      notesOf(selection, 'carts').map((note) => note.message),
      [`services/carts/Dockerfile:7 copies \${NOPE}, whose value is not known`],
    )
  })

  it('do not guess a default that the one who builds may override', () => {
    const selection = select(carts, files(`FROM x\nARG DIR=lib\nCOPY \${DIR} /x\n`))
    assert.deepEqual(noteCodes(selection, 'carts'), ['dockerfile-variable'])
  })

  it('are noted as unknown where the command is not plain', () => {
    const project = projectOf([serviceOf('carts', { build: build('docker build -f "$FILE" .') })])
    assert.deepEqual(noteCodes(select(project, files('FROM x\n')), 'carts'), ['docker-command-unclear'])
  })

  it('come from one Dockerfile for many services by its target', () => {
    const dockerfile =
      'FROM x AS base\nCOPY lib /lib\nFROM base AS carts\nCOPY proto /p\nFROM base AS docs\nCOPY docs /d\n'
    const project = projectOf([
      serviceOf('carts', { build: build('docker build --target carts -f docker/all.Dockerfile .') }),
    ])
    assert.deepEqual(copied(select(project, { ...files('FROM x'), 'docker/all.Dockerfile': dockerfile })), [
      'docker/all.Dockerfile',
      'lib/a.log',
      'lib/a.ts',
      'proto/cart.md',
      'proto/cart.proto',
    ])
  })
})

describe('reading a Dockerfile', () => {
  const sources = (text: string) =>
    parseDockerfile(text, { buildArguments: new Map(), target: null }).map((copy) => copy.source)

  it('passes over here-documents and comments', () => {
    assert.deepEqual(
      sources('FROM x\nCOPY <<EOF /a\nCOPY no /no\nEOF\nRUN <<-"E2"\nCOPY no2 /no\nE2\n#COPY no3 /x\nCOPY b /b'),
      ['b'],
    )
  })

  it('knows ENV, quotes, globs and its own escape character', () => {
    assert.deepEqual(
      sources(`# escape=\`\nFROM x\nENV A=1 B="b c"\nENV OLD style value\ncopy "x $A" \${B} \`\n  src/*.?s /d`),
      ['x 1', 'b c', 'src/*.?s'],
    )
  })
})
