/** Where a project's remotes are, and how git gets there from a folder that is not the user's clone. */
import { isAbsolute, resolve } from 'node:path'
import { type CommitId, isObjectId, type RefName } from '../model/index.ts'
import { askRemote } from './ask-remote.ts'
import { withoutCredentials } from './credentials.ts'
import { isPlaceFault, localFailure, remoteFailure, type UnreachableCode } from './git-failure.ts'
import {
  configValue,
  connectionSettings,
  type LocalRepository,
  type ObjectFormat,
  remoteNames,
} from './local-repository.ts'
import type { Git, GitSetting } from './run-git.ts'

export type RemoteLocation = {
  /** May hold credentials: for git alone. */
  url: string
  /** The same for people. */
  label: string
  /** Whether it is the local repository itself, for want of a remote. */
  isLocal: boolean
  /** How to reach it: proxies, headers, keys. May hold credentials. */
  settings: readonly GitSetting[]
  objectFormat: ObjectFormat
}

/** The name our caches know their remote by: no configuration of a user means it by accident. */
export const remoteName = 'trunkline-remote'

/**
 * Where a project's state is: the push URL of the named remote (or a URL in its place); the local repository where no
 * such remote is configured. Whether it can be reached shows when it is used, and is then an error, no fallback.
 */
export function resolveStateLocation(repository: LocalRepository, remote: string): RemoteLocation {
  return locate(repository, remote, ['pushurl', 'url']) ?? localLocation(repository)
}

/** Where commits are fetched from: the named remote's URL; null where no such remote is configured. */
export function resolveFetchLocation(repository: LocalRepository, remote: string): RemoteLocation | null {
  return locate(repository, remote, ['url', 'pushurl'])
}

/** Remotes that a partial clone's missing objects were promised by. */
export function promisorLocations(repository: LocalRepository): RemoteLocation[] {
  return remoteNames(repository)
    .filter((name) => configValue(repository, `remote.${name}.promisor`) === 'true')
    .flatMap((name) => resolveFetchLocation(repository, name) ?? [])
}

/** A place named by its URL or path alone. */
export function locationAt(url: string, objectFormat: ObjectFormat = 'sha1'): RemoteLocation {
  return { url, label: withoutCredentials(url), isLocal: false, settings: [], objectFormat }
}

/** What makes `remoteName` mean this location. */
export function remoteSettings(location: RemoteLocation): GitSetting[] {
  return [...location.settings, [`remote.${remoteName}.url`, location.url]]
}

export type RemoteRefs = {
  /** Ref to what it names; annotated tags peeled. */
  tips: ReadonlyMap<RefName, CommitId>
  /** The branch its HEAD names, where HEAD was asked for. */
  head: RefName | null
}

/**
 * The remote's refs that match, now. Patterns are full names (`HEAD` too) or end in `/`.
 * Unreachable is thrown as `code`.
 */
export async function listRemoteRefs(
  git: Git,
  location: RemoteLocation,
  patterns: readonly string[],
  options: { code: UnreachableCode; signal: AbortSignal },
): Promise<RemoteRefs> {
  // git matches patterns at the end of names (`*/<pattern>`): what it lists is checked again.
  const listed = patterns.flatMap((pattern) => (pattern.endsWith('/') ? [`${pattern}*`] : [pattern, `${pattern}^{}`]))
  const symref = patterns.includes('HEAD') ? ['--symref'] : []
  const command = ['ls-remote', '--quiet', ...symref, remoteName, ...listed]
  const end = await askRemote(git, command, { signal: options.signal })
  if (isPlaceFault(end, git.directory)) throw localFailure('ls-remote', end)
  if (end.kind !== 'exited' || end.exitCode !== 0) throw remoteFailure(options.code, location.label, end)
  const tips = new Map<RefName, CommitId>()
  let head: RefName | null = null
  for (const line of end.stdout.toString('utf8').split('\n')) {
    const [id = '', name = ''] = line.split('\t')
    // A tag's own id comes first, then under `<tag>^{}` what it was put on.
    const ref = name.replace(/\^\{\}$/, '')
    if (!patterns.some((pattern) => (pattern.endsWith('/') ? ref.startsWith(pattern) : ref === pattern))) continue
    if (id.startsWith('ref: ')) head = id.slice('ref: '.length)
    else if (isObjectId(id)) tips.set(ref, id as CommitId) // branches, state refs and peeled tags name commits
  }
  return { tips, head }
}

function locate(repository: LocalRepository, remote: string, kinds: readonly string[]): RemoteLocation | null {
  const isConfigured = remoteNames(repository).includes(remote)
  if (!isConfigured && !isUrl(remote)) return null
  const urls = kinds.flatMap((kind) => {
    // Of several URLs git reads from the first, and so do we.
    const first = repository.config.find((entry) => entry.key === `remote.${remote}.${kind}`)
    return first ? [first.value] : []
  })
  const url = absoluteUrl(urls[0] ?? remote, repository.root ?? repository.gitDirectory)
  return {
    url,
    label: withoutCredentials(url),
    isLocal: false,
    settings: [...connectionSettings(repository), ...settingsOfRemote(repository, remote)],
    objectFormat: repository.objectFormat,
  }
}

/** The local repository as its own remote. */
export function localLocation(repository: LocalRepository): RemoteLocation {
  return {
    url: repository.commonDirectory,
    label: repository.commonDirectory,
    isLocal: true,
    settings: [],
    objectFormat: repository.objectFormat,
  }
}

/** What a remote's own section says about the way to it. */
function settingsOfRemote(repository: LocalRepository, remote: string): GitSetting[] {
  return ['proxy', 'proxyauthmethod', 'uploadpack', 'receivepack'].flatMap((name) => {
    const value = configValue(repository, `remote.${remote}.${name}`)
    return value === null ? [] : [[`remote.${remoteName}.${name}`, value] as const]
  })
}

/** `scheme://…`, `host:path` or a path; a plain word is a remote's name. */
const isUrl = (text: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(text) || /^[^/]+:/.test(text) || isPath(text)

const isPath = (text: string): boolean => isAbsolute(text) || /^\.{1,2}(?:\/|$)/.test(text)

/** git takes a relative path as seen from the top of the working tree. */
export function absoluteUrl(url: string, base: string): string {
  if (isAbsolute(url) || /^[a-z][a-z0-9+.-]*:\/\//i.test(url) || /^[^/]+:/.test(url)) return url
  return resolve(base, url)
}
