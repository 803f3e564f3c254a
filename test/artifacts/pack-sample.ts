/** A process of its own that makes a small build and packs it: `pack-sample.ts <bundle|zip> <directory>`; prints the digest. */
import { join } from 'node:path'
import { packBundle, packZip } from '../../src/artifacts/packing/index.ts'
import { layDown } from './build-directory.ts'

const [format = '', root = ''] = process.argv.slice(2)
const pack = format === 'zip' ? packZip : packBundle
const directory = await layDown(join(root, 'build'), {
  'ı/i/I/İ.txt': 'Turkish',
  'dist/z.js': 'z',
  'dist/ä.js': 'ä',
  'dist/serve': { executable: '#!/bin/sh' },
  current: { link: 'dist/z.js' },
})
const artifact = await pack({ directory, include: ['**'], exclude: [], scratchDirectory: join(root, 'scratch') })
process.stdout.write(artifact.digest)
