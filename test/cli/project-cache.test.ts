import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { projectOf } from '../../src/cli/project-cache.ts'
import { parseProjectOrThrow } from '../../src/config/index.ts'
import type { Project } from '../../src/model/index.ts'
import { temporaryFolder } from '../git/temporary-folder.ts'

const text = `
project: shop
trunk: main
shared: [package-lock.json]
services:
  carts:
    path: services/carts
    build: make
    artifact: { bundle: { include: [dist/**] } }
    env: { A: "1" }
environments:
  stage: { on: { branch: main }, target: { fleet: { hosts: [local] } } }
`
const bytes = (of: string) => new TextEncoder().encode(of)
const parsed = (of: string): Project => parseProjectOrThrow({ text: of, file: 'trunkline.yaml' })

/** Answers the project and whether it had to be parsed. */
async function ask(directory: string, of = text): Promise<{ project: Project; isParsed: boolean }> {
  let isParsed = false
  const project = await projectOf(directory, bytes(of), () => {
    isParsed = true
    return parsed(of)
  })
  return { project, isParsed }
}

async function onlyFile(directory: string): Promise<string> {
  const [name = '', ...others] = await readdir(directory)
  assert.deepEqual(others, [])
  return join(directory, name)
}

describe('a configuration', () => {
  it('is parsed once, and is the same from the cache', async () => {
    await using folder = await temporaryFolder()
    assert.equal((await ask(folder.path)).isParsed, true)
    const again = await ask(folder.path)
    assert.equal(again.isParsed, false)
    assert.deepEqual(again.project, parsed(text))
  })

  it('of other text is another one', async () => {
    await using folder = await temporaryFolder()
    await ask(folder.path)
    const other = text.replace('make', 'make all')
    const answer = await ask(folder.path, other)
    assert.equal(answer.isParsed, true)
    assert.deepEqual(answer.project, parsed(other))
  })

  it('is parsed again where its cached form is cut short, changed, empty or a folder', async () => {
    await using folder = await temporaryFolder()
    await ask(folder.path)
    const file = await onlyFile(folder.path)
    const whole = await readFile(file)
    const changed = Buffer.from(whole.toString('utf8').replace('services/carts', 'services/other'))
    assert.notDeepEqual(changed, whole)
    for (const content of [whole.subarray(0, whole.length - 1), changed, Buffer.alloc(0), Buffer.from('{}')]) {
      await writeFile(file, content)
      const answer = await ask(folder.path)
      assert.equal(answer.isParsed, true)
      assert.deepEqual(answer.project, parsed(text))
      assert.deepEqual(await readFile(file), whole, 'and is whole in the cache again')
    }
    await using other = await temporaryFolder()
    await mkdir(join(other.path, file.slice(folder.path.length + 1), 'in-the-way'), { recursive: true })
    assert.deepEqual((await ask(other.path)).project, parsed(text))
  })

  it('is read where the cache cannot be written', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'a-file')
    await writeFile(file, '')
    assert.deepEqual((await ask(join(file, 'no-folder'))).project, parsed(text))
  })

  it('that does not parse is thrown each time, and not kept', async () => {
    await using folder = await temporaryFolder()
    const cache = join(folder.path, 'projects')
    for (let time = 0; time < 2; time += 1) {
      await assert.rejects(ask(cache, 'project: ['), (error: { code?: string }) => error.code === 'CONFIG_INVALID')
    }
    await assert.rejects(readdir(cache))
  })

  it('with what JSON cannot say is not kept', async () => {
    await using folder = await temporaryFolder()
    const odd = { ...parsed(text), extra: new Date(0) }
    for (let time = 0; time < 2; time += 1) {
      let isParsed = false
      const project = await projectOf(folder.path, bytes(text), () => {
        isParsed = true
        return odd
      })
      assert.equal(isParsed, true)
      assert.equal(project, odd)
    }
  })

  it('is whole for all who read it at the same time', async () => {
    await using folder = await temporaryFolder()
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(folder.path)))
    for (const { project } of answers) assert.deepEqual(project, parsed(text))
    await onlyFile(folder.path)
  })

  it('goes from the cache when many others came after it', async () => {
    await using folder = await temporaryFolder()
    await ask(folder.path)
    await utimes(await onlyFile(folder.path), 1, 1)
    for (let other = 0; other < 70; other += 1) await ask(folder.path, text.replace('make', `make ${other}`))
    assert.ok((await readdir(folder.path)).length <= 64)
    assert.equal((await ask(folder.path)).isParsed, true)
  })
})
