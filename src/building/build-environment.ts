/**
 * What a command of a build sees of this machine: an allow-list (invariant 11).
 *
 * `HOME` is fresh and empty for every build, so that neither a person's dotfiles nor another build's leavings reach it;
 * in it, the download caches that tools keep at well-known places are links into a folder of Trunkline's own, so that
 * builds stay fast. Those hold only what can be fetched or computed again, checked by the tools against lockfiles.
 * The caller's own `HOME`, and with it `~/.npmrc` or `~/.netrc`, is not visible: credentials are named under
 * `env.pass`, and a configuration file of a tool by that tool's variable (such as `NPM_CONFIG_USERCONFIG`).
 */
import { existsSync } from 'node:fs'
import { mkdir, symlink } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import type { BuildEnvironment } from '../model/index.ts'
import type { WorkDirectory } from './work-directory.ts'
import { worldFault } from './world-fault.ts'

/** Where the network is and whom to trust on it: needed to reach registries, and no part of what a build makes. */
const networkVariables = [
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'],
  ...['SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_EXTRA_CA_CERTS', 'CURL_CA_BUNDLE', 'REQUESTS_CA_BUNDLE', 'GIT_SSL_CAINFO'],
  ...['AWS_CA_BUNDLE', 'PIP_CERT', 'NIX_SSL_CERT_FILE', 'NODE_USE_ENV_PROXY', 'NODE_USE_SYSTEM_CA'],
  ...['NPM_CONFIG_REGISTRY', 'npm_config_registry', 'NPM_CONFIG_USERCONFIG', 'npm_config_userconfig'],
  ...['YARN_NPM_REGISTRY_SERVER', 'COREPACK_NPM_REGISTRY', 'PIP_INDEX_URL', 'PIP_EXTRA_INDEX_URL', 'PIP_FIND_LINKS'],
  ...['UV_INDEX_URL', 'UV_DEFAULT_INDEX', 'GOPROXY', 'GOSUMDB', 'GONOSUMDB', 'GOPRIVATE', 'GONOPROXY'],
]

/**
 * Where this machine keeps what tools can fetch or compute again, for who said so by a variable (CI jobs that restore a
 * cache do): like our own cache folders they decide how long a build takes, not what it makes.
 */
const cacheVariables = [
  ...['GOCACHE', 'GOMODCACHE', 'NPM_CONFIG_CACHE', 'npm_config_cache', 'YARN_CACHE_FOLDER'],
  ...['PIP_CACHE_DIR', 'UV_CACHE_DIR', 'CCACHE_DIR', 'SCCACHE_DIR', 'COREPACK_HOME'],
]

/**
 * Go writes the folder it builds in, and the git repository around it, into what it makes. Ours is another folder every
 * time: without these neither would two builds give the same bytes, nor would its cache know a package again.
 */
const goFlags = '-trimpath -buildvcs=false'

/** Where programs on `PATH` that are only stand-ins find the real one: variable, and its default under the caller's home. */
const toolchainHomes: ReadonlyArray<readonly [variable: string, folder: string | null]> = [
  ['PYENV_ROOT', '.pyenv'],
  ['RUSTUP_HOME', '.rustup'],
  ['VOLTA_HOME', '.volta'],
  ['ASDF_DATA_DIR', '.asdf'],
  ['MISE_DATA_DIR', '.local/share/mise'],
  ['RBENV_ROOT', '.rbenv'],
  ['NVM_DIR', '.nvm'],
  ['JAVA_HOME', null],
  ['GOROOT', null],
]

/** Folders under `HOME` in which tools keep downloads and results that they could fetch or compute again. */
const cacheFolders: readonly string[] = [
  ...['.npm', '.cache', '.local/share/pnpm', '.yarn/berry/cache', '.bun/install/cache', 'go/pkg/mod'],
  ...['.cargo/registry', '.cargo/git', '.m2/repository', '.gradle/caches', '.gradle/wrapper', '.nuget/packages'],
  ...(process.platform === 'darwin' ? ['Library/Caches', 'Library/pnpm'] : []),
]

/** Links the caches of all builds of this machine into a build's fresh home. */
export async function linkCaches(home: string, caches: string): Promise<void> {
  try {
    for (const folder of cacheFolders) {
      const shared = join(caches, folder)
      const link = join(home, folder)
      await mkdir(shared, { recursive: true })
      await mkdir(dirname(link), { recursive: true })
      await symlink(shared, link)
    }
  } catch (cause) {
    throw worldFault(cause, `make the home directory of a build, ${home}`)
  }
}

/**
 * The whole environment of a command: the base, then what the project sets, then what it passes through from the
 * caller. A passed variable that the caller lacks is absent, not empty.
 */
export function commandEnvironment(
  caller: NodeJS.ProcessEnv,
  declared: BuildEnvironment,
  work: Pick<WorkDirectory, 'home' | 'temporary'>,
): Record<string, string> {
  return {
    ...pick(caller, networkVariables),
    ...pick(caller, cacheVariables),
    ...toolchains(caller),
    PATH: caller['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    HOME: work.home,
    TMPDIR: work.temporary,
    // The same on every machine: sorting and messages must not depend on who builds.
    LANG: process.platform === 'darwin' ? 'en_US.UTF-8' : 'C.UTF-8',
    USER: caller['USER'] ?? 'trunkline',
    GOFLAGS: goFlags,
    ...declared.set,
    ...pick(caller, declared.pass),
  }
}

function toolchains(caller: NodeJS.ProcessEnv): Record<string, string> {
  const callerHome = caller['HOME'] ?? homedir()
  const found: Record<string, string> = {}
  for (const [variable, folder] of toolchainHomes) {
    const value = caller[variable]
    if (value !== undefined) found[variable] = value
    else if (folder !== null && existsSync(join(callerHome, folder))) found[variable] = join(callerHome, folder)
  }
  return found
}

function pick(caller: NodeJS.ProcessEnv, names: readonly string[]): Record<string, string> {
  const picked: Record<string, string> = {}
  for (const name of names) {
    const value = caller[name]
    if (value !== undefined) picked[name] = value
  }
  return picked
}

const secretName = /TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|PRIVATE_KEY|API_?KEY|ACCESS_KEY|_AUTH$|_PWD$/i

/** Values of a command's environment that must not show in its output, though nobody said so: by name, or inside a URL. */
export function secretsOfEnvironment(environment: Readonly<Record<string, string>>): string[] {
  const secrets: string[] = []
  for (const [name, value] of Object.entries(environment)) {
    if (secretName.test(name)) secrets.push(value)
    const [, , password] = /^[a-z][a-z0-9+.-]*:\/\/([^/@:\s]*):([^/@\s]+)@/i.exec(value) ?? []
    if (password !== undefined) secrets.push(password, decodedOr(password))
  }
  return secrets
}

function decodedOr(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
