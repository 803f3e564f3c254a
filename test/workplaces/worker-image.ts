/** An image that Jobs can run in: `trunkline` is this checkout's, and all else this machine's (see job-runner.ts). */
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRegistryStore } from '../../src/artifacts/oci-registry/index.ts'
import { packImage } from '../../src/artifacts/packing/index.ts'
import type { ImageRecipe } from '../../src/model/index.ts'
import { trunklineProgram } from '../system/project-under-test.ts'

/** Answers how it is called, by digest. */
export async function pushWorkerImage(host: string, name = 'ci'): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-image-'))
  try {
    const programs = join(folder, 'tree/usr/local/bin')
    const scratchDirectory = join(folder, 'scratch')
    await mkdir(programs, { recursive: true })
    await mkdir(scratchDirectory)
    await writeFile(join(programs, 'trunkline'), `#!/bin/sh\nexec '${trunklineProgram}' "$@"\n`)
    await chmod(join(programs, 'trunkline'), 0o755)
    const files = { directory: join(folder, 'tree'), include: ['**'], exclude: [] }
    const image = await packImage({
      ...{ ...files, scratchDirectory, recipe },
      grounds: [{ platform: { os: 'linux', architecture: 'amd64' }, base: null }],
    })
    const repository = `${host}/${name}`
    await createRegistryStore({ repository, insecure: true, environment: {} }).put(image, AbortSignal.timeout(60_000))
    return `${repository}@${image.digest}`
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const recipe: ImageRecipe = {
  ...{ kind: 'image', from: '', include: ['**'], exclude: [], base: null, to: '/', entrypoint: [], command: [] },
  ...{ workdir: '/', user: null, env: { PATH: '/usr/local/bin' }, labels: {} },
}
