import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import {
  type ContainerStorage,
  containerToolMissing,
  containerTools,
  createContainerStorage,
  staticShell,
  staticShellMissing,
} from './container-tools.ts'
import { type RegistryPart, registryMissing, startRegistry } from './registry.ts'

const execute = promisify(execFile)

describe('programs that build images', { skip: staticShellMissing() || registryMissing(), timeout: 180_000 }, () => {
  let registry: RegistryPart
  let storage: ContainerStorage
  let context: string

  before(async () => {
    registry = await startRegistry()
    storage = createContainerStorage([registry.host])
    context = mkdtempSync(join(tmpdir(), 'trunkline-context-'))
    const shell = staticShell()
    if (shell === null) throw new Error('busybox is not installed, and in CI no part may be missing')
    copyFileSync(shell, join(context, 'busybox'))
    const run = ['/bin/sh', '-c', 'echo "built by $(id -u)" > /told']
    writeFileSync(
      join(context, 'Dockerfile'),
      ['FROM scratch', 'COPY busybox /bin/sh', `RUN ${JSON.stringify(run)}`, ''].join('\n'),
    )
  })
  after(async () => {
    storage?.stop()
    await registry?.stop()
    rmSync(context, { recursive: true, force: true })
  })

  for (const tool of containerTools) {
    test(`${tool} builds and pushes from a storage that is gone afterwards`, {
      skip: containerToolMissing(tool),
    }, async () => {
      const env = { PATH: process.env['PATH'], HOME: storage.folder, ...storage.environment }
      const name = `${registry.host}/built/by-${tool}:1`
      await execute(tool, ['build', '--tag', name, context], { env })
      await execute(tool, ['push', name], { env })
      const manifest = await fetch(`http://${registry.host}/v2/built/by-${tool}/manifests/1`, {
        headers: { accept: 'application/vnd.oci.image.manifest.v1+json' },
      })
      assert.equal(manifest.status, 200)
      assert.ok(((await manifest.json()) as { layers: unknown[] }).layers.length >= 1)
    })
  }

  test('nothing of a storage is left when it is stopped', () => {
    const other = createContainerStorage()
    other.stop()
    assert.ok(!existsSync(other.folder))
  })
})
