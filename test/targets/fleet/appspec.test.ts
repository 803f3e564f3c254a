/** `appspec.yml`: what CodeDeploy's reference says is what is read, copied, owned and run. */
import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, beforeEach, describe, test } from 'node:test'
import { parseAppspec } from '../../../src/targets/fleet/lifecycle/appspec.ts'
import { installFiles, readInstalled, removeInstalled } from '../../../src/targets/fleet/lifecycle/install.ts'
import { applyPermissions } from '../../../src/targets/fleet/lifecycle/permissions.ts'
import { runScript } from '../../../src/targets/fleet/lifecycle/run-script.ts'

const folder = mkdtempSync(join(tmpdir(), 'trunkline-appspec-'))
after(() => rmSync(folder, { recursive: true, force: true }))
let number = 0
let place: string
beforeEach(() => {
  place = join(folder, String(++number))
  mkdirSync(place)
})
const isRoot = process.getuid?.() === 0
const rootOnly = isRoot ? false : 'needs root'

function lay(root: string, files: Record<string, string>): string {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return root
}

describe('reading', () => {
  test('everything of the reference is understood', () => {
    const appspec = parseAppspec(
      `version: 0.0
os: Linux
files:
  - source: Config/config.txt
    destination: /webapps/Config
  - source: source
    destination: /webapps/myApp
file_exists_behavior: OVERWRITE
permissions:
  - object: /tmp/my-app
    pattern: "**"
    except: [/tmp/my-app/file1]
    owner: root
    group: wheel
    mode: 4550
    acls: ["u:mary:rwx"]
    type: [file]
hooks:
  BeforeInstall:
    - location: Scripts/UnzipResourceBundle.sh
    - location: Scripts/UnzipDataBundle.sh
  ApplicationStart:
    - location: Scripts/RunResourceTests.sh
      timeout: 3600
  ValidateService:
    - location: Scripts/MonitorService.sh
      timeout: "300"
      runas: codedeployuser
  AfterAllowTraffic:
    - location: Scripts/Warm.sh
`,
      'appspec.yml',
    )
    assert.equal(appspec.files.length, 2)
    assert.equal(appspec.fileExists, 'OVERWRITE')
    assert.equal(appspec.permissions[0]?.mode, '4550')
    assert.deepEqual(
      appspec.scripts.BeforeInstall.map(({ location, timeout }) => [location, timeout]),
      [
        ['Scripts/UnzipResourceBundle.sh', 3600],
        ['Scripts/UnzipDataBundle.sh', 3600],
      ],
    )
    assert.deepEqual(appspec.scripts.ValidateService, [
      { location: 'Scripts/MonitorService.sh', timeout: 300, runas: 'codedeployuser' },
    ])
    assert.deepEqual(appspec.notRun, ['AfterAllowTraffic'])
  })

  for (const [mistake, text, sentence] of [
    ['no YAML', 'version: [', /^appspec\.yml: /],
    ['another version', 'version: 1\nos: linux\n', /version 1 is not known/],
    ['another system', 'version: 0.0\nos: windows\n', /os: windows cannot be deployed to/],
    ['an unknown key', 'version: 0.0\nos: linux\nfile: []\n', /file/],
    [
      'an unknown event',
      'version: 0.0\nos: linux\nhooks: { Install: [{ location: x }] }\n',
      /hooks\.Install is no lifecycle event/,
    ],
    [
      'a timeout that is too long',
      'version: 0.0\nos: linux\nhooks: { AfterInstall: [{ location: x, timeout: 9999 }] }\n',
      /hooks\.AfterInstall\.0\.timeout/,
    ],
    [
      'a mode that is none',
      'version: 0.0\nos: linux\npermissions: [{ object: /x, mode: rwx }]\n',
      /permissions\.0\.mode: must be an octal mode/,
    ],
  ] as const) {
    test(`${mistake} is one sentence with its place`, () => {
      assert.throws(() => parseAppspec(text, 'appspec.yml'), {
        code: 'APPSPEC_INVALID',
        kind: 'failed',
        message: sentence,
      })
    })
  }
})

describe('installing', () => {
  const appspecFor = (files: object[], more = '') =>
    parseAppspec(`version: 0.0\nos: linux\nfiles: ${JSON.stringify(files)}\n${more}`, 'appspec.yml')
  const quiet = () => {}

  test('a folder goes in with what is in it, a file under its own name, and modes and links stay', () => {
    const bundle = lay(join(place, 'bundle'), {
      'app/main.sh': '#!/bin/sh\n',
      'app/lib/a.txt': 'a',
      'conf/app.conf': 'x',
    })
    chmodSync(join(bundle, 'app/main.sh'), 0o755)
    symlinkSync('lib/a.txt', join(bundle, 'app/link'))
    const to = join(place, 'srv')
    const appspec = appspecFor([
      { source: '/app', destination: `${to}/app` },
      { source: 'conf/app.conf', destination: `${to}/etc` },
    ])
    const record = join(place, 'installed.json')
    const { files } = installFiles({ bundle, appspec, record, log: quiet })
    assert.equal(files.length, 4)
    assert.equal(statSync(join(to, 'app/main.sh')).mode & 0o777, 0o755)
    assert.equal(readFileSync(join(to, 'app/link'), 'utf8'), 'a')
    assert.equal(readFileSync(join(to, 'etc/app.conf'), 'utf8'), 'x')

    // The next revision lacks a file: it is gone, and so is the folder that was only for it.
    rmSync(join(bundle, 'app/lib'), { recursive: true })
    rmSync(join(bundle, 'app/link'))
    installFiles({ bundle, appspec, record, log: quiet })
    assert.ok(!existsSync(join(to, 'app/lib')))
    assert.ok(existsSync(join(to, 'app/main.sh')))

    writeFileSync(join(to, 'etc/own.conf'), 'of somebody else')
    removeInstalled(readInstalled(record) ?? assert.fail('a record'))
    assert.ok(!existsSync(join(to, 'app')))
    assert.deepEqual(readFileSync(join(to, 'etc/own.conf'), 'utf8'), 'of somebody else')
  })

  test('a file of somebody else is refused, overwritten or kept, as file_exists_behavior says', () => {
    const bundle = lay(join(place, 'bundle'), { 'a.txt': 'new' })
    const to = lay(join(place, 'srv'), { 'a.txt': 'old' })
    const files = [{ source: 'a.txt', destination: to }]
    const install = (behaviour: string) =>
      installFiles({
        bundle,
        appspec: appspecFor(files, behaviour),
        record: join(place, `${behaviour}.json`),
        log: quiet,
      })
    assert.throws(() => install(''), { code: 'APPSPEC_FILES', message: /a\.txt exists already/ })
    assert.equal(readFileSync(join(to, 'a.txt'), 'utf8'), 'old')
    install('file_exists_behavior: RETAIN')
    assert.equal(readFileSync(join(to, 'a.txt'), 'utf8'), 'old')
    install('file_exists_behavior: overwrite')
    assert.equal(readFileSync(join(to, 'a.txt'), 'utf8'), 'new')
  })

  test('what leads out of the bundle, is missing, or has no absolute destination is refused', () => {
    const bundle = lay(join(place, 'bundle'), { 'a.txt': 'a' })
    const install = (source: string, destination: string) =>
      installFiles({
        bundle,
        appspec: appspecFor([{ source, destination }]),
        record: join(place, 'r.json'),
        log: quiet,
      })
    assert.throws(() => install('../../etc/passwd', '/tmp/x'), {
      code: 'APPSPEC_FILES',
      message: /leads out of the bundle/,
    })
    assert.throws(() => install('b.txt', '/tmp/x'), { code: 'APPSPEC_FILES', message: /has no b\.txt/ })
    assert.throws(() => install('a.txt', 'srv'), { code: 'APPSPEC_FILES', message: /not an absolute path/ })
  })
})

test('permissions reach what the pattern names and spare what it excepts', { skip: rootOnly }, async () => {
  lay(place, { 'a.sh': '', 'b.txt': '', 'sub/c.sh': '' })
  const base = { object: place, except: ['sub/**'], acls: [], type: ['file'] as ('file' | 'directory')[] }
  await applyPermissions([{ ...base, pattern: '**', mode: '640', owner: 'nobody' }])
  assert.equal(statSync(join(place, 'a.sh')).mode & 0o777, 0o640)
  assert.notEqual(statSync(join(place, 'a.sh')).uid, 0)
  assert.equal(statSync(join(place, 'sub/c.sh')).uid, 0)
  await assert.rejects(applyPermissions([{ ...base, pattern: '**', owner: 'no-such-user' }]), {
    code: 'APPSPEC_USER',
    message: /no user no-such-user/,
  })
})

describe('scripts', () => {
  const run = (text: string, change: { timeoutMs?: number; runas?: string } = {}) => {
    const bundle = lay(join(place, 'bundle'), { 'scripts/x.sh': `#!/bin/sh\n${text}\n` })
    if (isRoot) for (const path of [folder, place, bundle, join(bundle, 'scripts')]) chmodSync(path, 0o755)
    const script = { location: 'scripts/x.sh', timeout: 60, ...(change.runas ? { runas: change.runas } : {}) }
    const env = { PATH: process.env['PATH'] ?? '', OUT: join(place, 'out') }
    return runScript({ script, event: 'AfterInstall', bundle, env, timeoutMs: change.timeoutMs ?? 60_000 })
  }

  test('a failure names event, script and exit code', async () => {
    await run('echo fine > "$OUT"')
    assert.equal(readFileSync(join(place, 'out'), 'utf8'), 'fine\n')
    await assert.rejects(run('exit 7'), {
      code: 'SCRIPT_FAILED',
      message: 'AfterInstall scripts/x.sh ended with exit code 7',
    })
  })

  test('one that takes too long is ended with what it started', async () => {
    await assert.rejects(run('sleep 600 & sleep 600', { timeoutMs: 300 }), { code: 'SCRIPT_TIMED_OUT' })
  })

  test('it runs as the user it names', { skip: rootOnly }, async () => {
    mkdirSync(join(place, 'open'), { mode: 0o777 })
    chmodSync(join(place, 'open'), 0o777)
    await run(`id -un > ${join(place, 'open', 'who')}`, { runas: 'nobody' })
    assert.equal(readFileSync(join(place, 'open', 'who'), 'utf8'), 'nobody\n')
    await assert.rejects(run('true', { runas: 'no-such-user' }), { code: 'APPSPEC_USER' })
  })
})
