/** An example as its reader has it: what git knows of its folder. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** Paths and contents, as `git clone` of the folder would give them. */
export async function exampleFiles(folder: string): Promise<Array<[string, string]>> {
  const { stdout } = await execute('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: folder,
  })
  const paths = stdout.split('\0').filter((path) => path !== '' && existsSync(join(folder, path)))
  return Promise.all(
    paths.map(async (path): Promise<[string, string]> => [path, await readFile(join(folder, path), 'utf8')]),
  )
}

/** Where this machine gets packages from. */
export function registryVariables(): Record<string, string> {
  const network = /^(npm_config_registry|npm_config_userconfig|https?_proxy|no_proxy|node_extra_ca_certs)$/i
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      network.test(name) && value !== undefined ? [[name, value] as const] : [],
    ),
  )
}
