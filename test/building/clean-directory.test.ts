import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { CommitId, ObjectId } from '../../src/model/index.ts'
import { createRepository, type Repository } from '../fixtures/repository.ts'
import { type BuildingWorld, buildOf, checkOf, createBuildingWorld, listening, prepareOf } from './world.ts'

describe('a build sees its inputs and nothing else (invariant 11)', () => {
  let repository: Repository
  let world: BuildingWorld
  let commit: CommitId
  before(async () => {
    repository = await createRepository({
      files: {
        '.gitattributes': '* text=auto eol=crlf\n*.txt filter=shout\n',
        'services/carts/main.ts': 'one\ntwo\n',
        'services/carts/raw.bin': Buffer.from([0, 255, 13, 10, 128]),
        'services/carts/note.txt': 'quiet\n',
        'services/carts/run.sh': { content: '#!/bin/sh\necho ran\n', executable: true },
        'services/carts/link': { symlink: '../../packages/common/index.ts' },
        'packages/common/index.ts': 'common',
        'services/products/secret.ts': 'not an input',
      },
    })
    world = await createBuildingWorld(repository)
    commit = await repository.head()
  })
  after(async () => {
    await world[Symbol.asyncDispose]()
    await repository.dispose()
  })

  const run = async (line: string, paths: string[], context = listening()) => {
    const files = await world.files(commit, ...paths)
    const verdict = await world.builder.check(checkOf(line, commit, files), context)
    assert.deepEqual(verdict, { ok: true }, context.lines.join('\n'))
    return context.lines
  }

  test('exactly the declared files are there', async () => {
    const lines = await run('find . ! -type d | sort', ['services/carts', 'packages'])
    assert.deepEqual(lines, [
      './packages/common/index.ts',
      './services/carts/link',
      './services/carts/main.ts',
      './services/carts/note.txt',
      './services/carts/raw.bin',
      './services/carts/run.sh',
    ])
  })

  test("their bytes are git's, whatever the attributes, filters and modes", async () => {
    const lines = await run(
      'cat services/carts/main.ts | od -An -c; od -An -tu1 services/carts/raw.bin; cat services/carts/note.txt services/carts/link; ' +
        'echo; services/carts/run.sh; test ! -x services/carts/main.ts',
      ['services/carts', 'packages'],
    )
    assert.match(lines[0] ?? '', /o\s+n\s+e\s+\\n\s+t\s+w\s+o\s+\\n/)
    assert.match(lines[1] ?? '', /0 255\s+13\s+10\s+128/)
    assert.deepEqual(lines.slice(2), ['quiet', 'common', 'ran'])
  })

  test('its environment is the base, what the project sets, and what it passes through', async () => {
    const environment = {
      ...{ PATH: process.env['PATH'], HOME: '/home/anna', AWS_SECRET_ACCESS_KEY: 'x', npm_config_user_agent: 'x' },
      ...{ NPM_TOKEN: 'token-of-anna', HTTPS_PROXY: 'http://proxy:3128', LANG: 'de_DE', EDITOR: 'vi', GIT_DIR: '/x' },
      ...{ GOCACHE: '/var/cache/go', GOFLAGS: '-race' },
    }
    const context = listening()
    const env = { set: { MODE: 'fast', PATH_LIKE: '$PATH' }, pass: ['NPM_TOKEN', 'NOT_THERE'] }
    await world.another({ environment }).check(checkOf('env | sort', commit, [], { env }), context)
    const names = context.lines.map((line) => line.split('=')[0])
    // What the shell itself adds is its own business.
    const known = names.filter((name) => !['PWD', 'OLDPWD', 'SHLVL', '_'].includes(name ?? ''))
    assert.deepEqual(known, [
      'GOCACHE',
      'GOFLAGS',
      'HOME',
      'HTTPS_PROXY',
      'LANG',
      'MODE',
      'NPM_TOKEN',
      'PATH',
      'PATH_LIKE',
      'TMPDIR',
      'USER',
    ])
    assert.ok(context.lines.includes('PATH_LIKE=$PATH'))
    assert.ok(context.lines.includes('GOFLAGS=-trimpath -buildvcs=false'), "what it makes is not the caller's affair")
    assert.ok(context.lines.includes('NPM_TOKEN=•••'), 'a passed token is masked without being asked')
    assert.ok(!context.lines.includes('HOME=/home/anna'))
  })

  test('its home is its own, but for caches that all builds share', async () => {
    await run('echo mine > ~/.npmrc; mkdir -p ~/.npm; echo cached > ~/.npm/index; echo t > "$TMPDIR/t"', [])
    assert.deepEqual(await run('test ! -e ~/.npmrc; ls "$TMPDIR"; cat ~/.npm/index', []), ['cached'])
  })

  test('two at once never meet', async () => {
    const line = 'echo $$ > mine; sleep 0.2; test "$(cat mine)" = $$; find . -type f'
    const files = await world.files(commit, 'packages')
    const contexts = [listening(), listening(), listening()]
    const verdicts = await Promise.all(
      contexts.map((context) => world.builder.check(checkOf(line, commit, files), context)),
    )
    assert.deepEqual(verdicts, [{ ok: true }, { ok: true }, { ok: true }])
  })

  test('nothing of it is left, whether it passed, failed or could not begin', async () => {
    await run('true', ['packages'])
    await world.builder.check(checkOf('exit 1', commit, []), listening())
    const hostile = [{ path: '../x', mode: 'file' as const, oid: '0'.repeat(40) as ObjectId }]
    await assert.rejects(world.builder.check(checkOf('true', commit, hostile), listening()))
    assert.deepEqual(await readdir(world.home.work), [])
  })

  test('read-only folders that it made are removed too', async () => {
    await run('mkdir -p mod/sub; touch mod/sub/file; chmod -R a-w mod', [])
    assert.deepEqual(await readdir(world.home.work), [])
  })

  test('a name that is no UTF-8 keeps its bytes', {
    skip: process.platform === 'darwin' && 'APFS takes only UTF-8',
  }, async () => {
    const name = Buffer.concat([Buffer.from('odd/caf'), Buffer.of(0xe9), Buffer.from('\n.txt')])
    const odd = await repository.commit('odd name', [[name, 'bytes']])
    const context = listening()
    const files = await world.files(odd, 'odd')
    assert.deepEqual(await world.builder.check(checkOf('ls odd | od -An -tx1; cat odd/*', odd, files), context), {
      ok: true,
    })
    assert.deepEqual(context.lines, [' 63 61 66 e9 0a 2e 74 78 74 0a', 'bytes'])
    assert.deepEqual(await readdir(world.home.work), [])
  })

  for (const path of [
    '../x',
    'a/../../x',
    '/etc/x',
    'a//b',
    './a',
    '.git/hooks/x',
    'a/.GIT/config',
    'a/git~1/x',
    '.git /x',
    'nul\0',
  ]) {
    test(`a commit with the path ${JSON.stringify(path)} is refused`, async () => {
      const [file] = await world.files(commit, 'packages')
      assert.ok(file)
      await assert.rejects(world.builder.check(checkOf('true', commit, [{ ...file, path }]), listening()), {
        kind: 'refused',
        code: 'HOSTILE_PATH',
      })
    })
  }

  for (const target of ['/etc/passwd', '../../../x', 'inner/../../../../x', 'up/../../x']) {
    test(`a link to ${target} is refused, with the reason`, async () => {
      const linked = await repository.commit(`link to ${target}`, {
        'links/deep/l': { symlink: target },
        'links/deep/up': { symlink: '..' },
      })
      const files = await world.files(linked, 'links')
      await assert.rejects(world.builder.check(checkOf('true', linked, files), listening()), {
        kind: 'refused',
        code: 'LINK_LEADS_OUTSIDE',
        message: /links\/deep\/l/,
        hint: /ignore/,
      })
    })
  }

  test('a link that stays inside may dangle', async () => {
    const linked = await repository.commit('dangling', {
      'links/d': { symlink: '../services/not-an-input' },
      'links/deep': null,
    })
    const files = await world.files(linked, 'links/d')
    assert.deepEqual(await world.builder.check(checkOf('readlink links/d', linked, files), listening()), { ok: true })
  })

  test('a submodule as an input is a mistake in the configuration', async () => {
    const files = [{ path: 'vendor/lib', mode: 'submodule' as const, oid: '1'.repeat(40) as ObjectId }]
    await assert.rejects(world.builder.check(checkOf('true', commit, files), listening()), {
      kind: 'usage',
      code: 'SUBMODULE_INPUT',
      message: /vendor\/lib/,
    })
  })

  test('inputs win over what prepare left in their way, and are never written through its links', async () => {
    const outside = join(world.home.root, 'outside')
    await mkdir(outside)
    await writeFile(join(outside, 'index.ts'), 'untouched')
    const prepare = prepareOf(
      `mkdir packages; ln -s ${outside} packages/common; mkdir -p services/carts/main.ts/x; echo made > made`,
      [],
    )
    const files = await world.files(commit, 'packages', 'services/carts/main.ts')
    const context = listening()
    const line = 'cat packages/common/index.ts services/carts/main.ts made; test ! -L packages/common'
    assert.deepEqual(await world.builder.check(checkOf(line, commit, files, { prepare }), context), { ok: true })
    assert.deepEqual(context.lines.slice(-3), ['commonone', 'two', 'made'])
    assert.equal(await readFile(join(outside, 'index.ts'), 'utf8'), 'untouched')
  })

  test('verification sees the whole commit, links and submodules as a clone has them', async () => {
    const whole = await repository.commit('whole', {
      outward: { symlink: '/etc/hostname' },
      'vendor/lib': { submodule: commit },
    })
    const context = listening()
    const request = {
      commit: whole,
      prepare: null,
      run: 'ls; ls -A vendor/lib; readlink outward; echo "$URL"',
      env: { URL: 'http://x' },
      timeoutMs: 60_000,
    }
    assert.deepEqual(await world.builder.runInCheckout(request, context), { ok: true })
    assert.deepEqual(context.lines.slice(-2), ['/etc/hostname', 'http://x'])
    for (const name of ['outward', 'packages', 'services', 'vendor']) assert.ok(context.lines.includes(name), name)
    assert.deepEqual(await readdir(world.home.work), [])
  })

  test('a build without a packed result cannot be asked for', async () => {
    const recipe = { kind: 'of' as const, service: 'web' }
    await assert.rejects(world.builder.build(buildOf(null, commit, [], { recipe }), listening()), /web/)
  })
})
