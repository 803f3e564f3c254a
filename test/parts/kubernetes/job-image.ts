/** Images of the containers that a job runner runs: from a registry of this machine into a folder. */
import { execFile } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** Files of an image in a registry on this machine, and what its configuration says. */
export async function unpackImage(
  image: string,
  folder: string,
): Promise<{ workdir: string; env: Record<string, string> }> {
  const [host = '', ...rest] = image.split('/')
  const [repository, digest] = rest.join('/').split('@')
  if (digest === undefined) throw new Error(`${image} is not named by digest`)
  const at = (kind: string, name: string) => `http://${host}/v2/${repository}/${kind}/${name}`
  const accept = 'application/vnd.oci.image.manifest.v1+json'
  const manifest = (await (await fetch(at('manifests', digest), { headers: { accept } })).json()) as {
    config: { digest: string }
    layers: Array<{ digest: string }>
  }
  const { config } = (await (await fetch(at('blobs', manifest.config.digest))).json()) as {
    config: { WorkingDir?: string; Env?: string[] }
  }
  await mkdir(folder, { recursive: true })
  for (const layer of manifest.layers) {
    const archive = join(folder, '.layer')
    await writeFile(archive, Buffer.from(await (await fetch(at('blobs', layer.digest))).arrayBuffer()))
    await execute('tar', ['--extract', '--file', archive, '--directory', folder])
    await rm(archive)
  }
  const env = (config.Env ?? []).map((line) => [line.split('=', 1)[0] ?? '', line.slice(line.indexOf('=') + 1)])
  return { workdir: config.WorkingDir ?? '/', env: Object.fromEntries(env) as Record<string, string> }
}
