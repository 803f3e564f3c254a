/** 100 artifacts promoted by tag in a registry on loopback: in one process, beside tools that are called once for each. */
import { createHash } from 'node:crypto'
import { createRegistryStore } from '../src/artifacts/oci-registry/index.ts'
import { tagArtifacts } from '../src/delivery/deployment/tag-artifacts.ts'
import type { Engine } from '../src/delivery/engine.ts'
import type { Digest, Release } from '../src/model/index.ts'
import { registryMissing, startRegistry } from '../test/parts/registry.ts'
import { measureInTurns, type Report, type Row, runCommand } from './measuring/measure.ts'
import { goProgram, systemProgram } from './measuring/programs.ts'
import { present, printReport } from './measuring/report.ts'
import { scratchFolder } from './measuring/scratch.ts'

const count = 100
const skipped: Report['skipped'] = []
const missing = registryMissing()
if (missing !== false) {
  printReport({ bench: 'promote', about: '', rows: [], skipped: [{ name: 'everything', why: missing }], notes: [] })
  process.exit(0)
}
using scratch = scratchFolder()
const registry = await startRegistry()
scratch.endings.push(() => registry.stop())
try {
  const repository = `${registry.host}/shop`
  const signal = new AbortController().signal
  const open = () => createRegistryStore({ repository, insecure: true, environment: scratch.environment })
  const digests = await putArtifacts()
  const services = Object.fromEntries(digests.map((artifact, index) => [`s${index}`, { artifact }]))
  // Only what tagging looks at: the step runs as a deployment runs it.
  const release = { services } as unknown as Release
  let turn = 0

  const rows: Row[] = [
    {
      name: 'trunkline, in one process',
      run: async () => {
        turn += 1
        const engine = { world: { artifacts: open() } } as unknown as Engine
        const step = {
          id: 'tag',
          kind: 'tag',
          needs: [],
          reasons: [],
          artifacts: digests,
          tags: [`t${turn}`],
        } as const
        const startedAt = performance.now()
        await tagArtifacts(
          engine,
          release,
          { ...step, needs: [], reasons: [], artifacts: [...digests], tags: [...step.tags] },
          signal,
        )
        return performance.now() - startedAt
      },
    },
    ...present([goProgram('crane', 'github.com/google/go-containerregistry/cmd/crane@latest')], skipped).map(
      ({ argv }) => ({
        name: 'crane tag, in a loop',
        run: async () => {
          turn += 1
          for (const [index, digest] of digests.entries()) {
            await runCommand([...argv, 'tag', '--insecure', `${repository}@${digest}`, `s${index}-t${turn}`], {
              cwd: scratch.path,
              environment: scratch.environment,
            })
          }
          return undefined
        },
      }),
    ),
    ...present([systemProgram('skopeo', 'apt-get install skopeo')], skipped).map(({ argv }) => ({
      name: 'skopeo copy, in a loop',
      run: async () => {
        turn += 1
        for (const [index, digest] of digests.entries()) {
          const [from, to] = [`docker://${repository}@${digest}`, `docker://${repository}:s${index}-t${turn}`]
          await runCommand(
            [...argv, 'copy', '--quiet', '--src-tls-verify=false', '--dest-tls-verify=false', from, to],
            { cwd: scratch.path, environment: scratch.environment },
          )
        }
        return undefined
      },
    })),
  ]
  const measured = await measureInTurns(rows, 3)
  const last = await open().resolveTag(`s${count - 1}-t1`, signal)
  if (last !== digests[count - 1]) throw new Error('a tag does not name its artifact')
  printReport({
    bench: 'promote',
    about: `${count} artifacts given one more tag each`,
    rows: measured,
    skipped,
    notes: [],
  })

  async function putArtifacts(): Promise<Digest[]> {
    const store = open()
    const made: Digest[] = []
    for (let index = 0; index < count; index += 1) {
      const config = blob('application/vnd.oci.empty.v1+json', '{}')
      const layer = blob('application/vnd.oci.image.layer.v1.tar', `artifact ${index}`)
      const manifest = Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: 'application/vnd.oci.image.manifest.v1+json',
          config: descriptorOf(config),
          layers: [descriptorOf(layer)],
        }),
      )
      const digest = digestOf(manifest)
      await store.put({ digest, manifest, blobs: [config, layer], sizeBytes: manifest.length }, signal)
      made.push(digest)
    }
    return made
  }
} finally {
  await registry.stop()
}

function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest // just made
}

function blob(mediaType: string, text: string) {
  const bytes = Buffer.from(text)
  return { mediaType, digest: digestOf(bytes), size: bytes.length, content: { kind: 'bytes' as const, bytes } }
}

function descriptorOf({ mediaType, digest, size }: ReturnType<typeof blob>) {
  return { mediaType, digest, size }
}
