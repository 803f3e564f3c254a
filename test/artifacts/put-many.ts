/** A process of its own that puts and tags artifacts: `put-many.ts <layout> <name> <count>`. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLayoutStore } from '../../src/artifacts/oci-layout/index.ts'
import { packBundle } from '../../src/artifacts/packing/index.ts'
import { layDown } from './build-directory.ts'

const [layout = '', name = '', count = '0'] = process.argv.slice(2)
const signal = AbortSignal.timeout(60_000)
const root = await mkdtemp(join(tmpdir(), 'trunkline-put-many-'))
try {
  const store = createLayoutStore(layout)
  for (let number = 0; number < Number(count); number++) {
    const directory = await layDown(join(root, String(number)), { 'main.js': `${name} ${number}` })
    const scratchDirectory = join(root, `scratch-${number}`)
    const artifact = await packBundle({ directory, include: ['**'], exclude: [], scratchDirectory })
    await store.put(artifact, signal)
    await store.tag(artifact.digest, [`${name}-${number}`], signal)
  }
} finally {
  await rm(root, { recursive: true, force: true })
}
