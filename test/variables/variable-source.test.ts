import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createVariableSource } from '../../src/variables/index.ts'

describe('the variables of an environment', () => {
  const signal = new AbortController().signal
  let root: string
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'trunkline-variables-'))
    await mkdir(join(root, 'repository'))
    await writeFile(join(root, 'repository/stage.env'), 'REDIS_URL=redis://file\nONLY_FILE=1\n')
    await writeFile(join(root, 'repository/more.env'), 'ONLY_FILE=2\n')
    await writeFile(join(root, 'outside.env'), 'OUTSIDE=1\n')
  })
  after(() => rm(root, { recursive: true, force: true }))

  const read = async (config: { prefix?: string; dotenv?: string[] }, environment: NodeJS.ProcessEnv = {}) => {
    const source = createVariableSource({ environment, root: join(root, 'repository') })
    return Object.fromEntries(await source.read({ prefix: null, dotenv: [], ...config }, signal))
  }

  test('are those with its prefix, without it', async () => {
    const environment = {
      STAGE_REDIS_URL: 'redis://stage',
      PROD_REDIS_URL: 'redis://prod',
      STAGE_: 'x',
      REDIS_URL: 'y',
    }
    assert.deepEqual(await read({ prefix: 'STAGE_' }, environment), { REDIS_URL: 'redis://stage' })
    assert.deepEqual(await read({}, environment), {})
  })

  test('come from files too, later ones over earlier ones, and a prefixed variable over all', async () => {
    const config = { prefix: 'STAGE_', dotenv: ['stage.env', 'more.env'] }
    assert.deepEqual(await read(config, { STAGE_REDIS_URL: 'redis://ci' }), { REDIS_URL: 'redis://ci', ONLY_FILE: '2' })
  })

  test('may lie outside the repository, where secrets belong', async () => {
    assert.deepEqual(await read({ dotenv: ['../outside.env'] }), { OUTSIDE: '1' })
    assert.deepEqual(await read({ dotenv: [join(root, 'outside.env')] }), { OUTSIDE: '1' })
  })

  test('whose file is missing or unreadable are a clear error', async () => {
    await assert.rejects(read({ dotenv: ['absent.env'] }), {
      kind: 'usage',
      code: 'DOTENV_MISSING',
      message: /absent\.env/,
      hint: /variables\.dotenv/,
    })
    await assert.rejects(read({ dotenv: ['.'] }), { kind: 'errored', code: 'DOTENV_UNREADABLE' })
  })

  test('are not read by a user without the right to', {
    skip: process.getuid?.() === 0 && 'root reads everything',
  }, async () => {
    const file = join(root, 'repository/closed.env')
    await writeFile(file, 'A=1')
    await chmod(file, 0)
    await assert.rejects(read({ dotenv: ['closed.env'] }), { kind: 'errored', code: 'DOTENV_UNREADABLE' })
  })
})
