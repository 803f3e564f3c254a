/** Trunkline's own image, built by Trunkline from this checkout: its layer is a whole Linux in which it delivers. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, readFile, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createLayoutStore } from '../../src/artifacts/oci-layout/index.ts'
import type { DeliveryResult } from '../../src/delivery/index.ts'
import { type Digest, isDigest } from '../../src/model/index.ts'
import { programVersion } from '../../src/program/index.ts'
import { trunklineProgram } from '../system/project-under-test.ts'

const checkout = fileURLToPath(new URL('../..', import.meta.url))
const signal = new AbortController().signal

/** A root of its own with mounts of its own is for root alone; elsewhere a container runtime does it. */
const skip = process.getuid?.() === 0 && process.platform === 'linux' ? false : 'needs root on Linux'

let folder: string
let environment: NodeJS.ProcessEnv

before(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'trunkline-image-')))
  environment = { ...process.env, TRUNKLINE_HOME: join(folder, 'home') }
})
after(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))

test('a tag builds the image, which delivers a repository of its own', { skip }, async () => {
  // What is committed counts; the remote is a bare clone, so that nothing here is touched.
  const remote = join(folder, 'remote.git')
  const clone = join(folder, 'clone')
  run('git', ['clone', '-q', '--bare', '--no-hardlinks', checkout, remote], folder)
  const commit = run('git', ['rev-parse', 'HEAD'], checkout).trim()
  run('git', ['update-ref', 'refs/heads/main', commit], remote)
  run('git', ['symbolic-ref', 'HEAD', 'refs/heads/main'], remote)
  run('git', ['clone', '-q', remote, clone], folder)
  run('git', ['tag', 'v0.0.1-image', commit], clone)
  run('git', ['push', '-q', 'origin', 'v0.0.1-image'], clone)
  const delivered = run(trunklineProgram, ['deliver', '--json', '--ref', 'v0.0.1-image'], clone)
  assert.equal((JSON.parse(delivered) as DeliveryResult).outcome, 'succeeded')

  const store = createLayoutStore(join(folder, 'home/artifacts/trunkline'))
  const digest = await store.resolveTag('trunkline-v0.0.1-image', signal)
  assert.ok(digest !== null && isDigest(digest), 'the tag names the image')
  const root = await unpacked(digest)
  const inside = (script: string) =>
    run('unshare', ['--mount', '--pid', '--fork', 'sh', '-c', insideImage, 'sh', root, script], folder)
  assert.equal(inside('trunkline --version').trim(), programVersion)
  assert.match(inside(wholeDelivery), /"outcome":\s*"succeeded"/)
})

/** As a container runtime sets it up: devices, processes, and the image as root. */
const insideImage = `set -e
mkdir -p "$1/dev" "$1/proc"
mount -t tmpfs none "$1/dev"
for device in null zero random urandom; do : > "$1/dev/$device"; mount --bind "/dev/$device" "$1/dev/$device"; done
mount -t proc none "$1/proc"
exec env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root chroot "$1" /bin/sh -c "cd /work && $2"`

const wholeDelivery = `
  git config --global user.name Ada && git config --global user.email ada@example.com &&
  git init -q --bare -b main /work/remote.git && git clone -q /work/remote.git shop 2>/dev/null && cd shop && git checkout -q -B main &&
  printf 'project: inside\\nservices:\\n  tool:\\n    path: tool\\n    checks: { looks: grep -q one tool/a.txt }\\n    artifact: { bundle: { include: [a.txt] } }\\nenvironments:\\n  stage: { on: { branch: main }, target: { fleet: {} } }\\n' > trunkline.yaml &&
  mkdir tool && echo one > tool/a.txt && git add -A && git commit -qm one && git push -q origin main &&
  trunkline deliver --json`

async function unpacked(digest: Digest): Promise<string> {
  const store = createLayoutStore(join(folder, 'home/artifacts/trunkline'))
  const root = join(folder, 'root')
  await mkdir(root)
  for (const layer of (await store.manifest(digest, signal)).layers) {
    const archive = join(folder, 'layer.tar')
    await pipeline(await store.blob(layer, signal), createWriteStream(archive))
    run('tar', ['-xf', archive, '-C', root], folder)
  }
  assert.match(await readFile(join(root, 'usr/local/bin/trunkline'), 'utf8'), /dist\/trunkline\.js/)
  return root
}

function run(program: string, words: readonly string[], cwd: string): string {
  const ended = spawnSync(program, words, {
    cwd,
    env: environment,
    encoding: 'utf8',
    timeout: 300_000,
    maxBuffer: 64 * 1024 * 1024,
  })
  assert.equal(ended.status, 0, `${program} ${words.join(' ')}: ${ended.stdout}${ended.stderr}`)
  return ended.stdout
}
