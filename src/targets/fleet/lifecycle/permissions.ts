/** The `permissions` of an appspec: owner, group, mode and access lists of what was installed. */
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, lstatSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import picomatch from 'picomatch'
import { failedError } from '../../../model/index.ts'
import type { Permission } from './appspec.ts'
import { groupId, userOf } from './users.ts'

const aclTimeoutMs = 60_000

export async function applyPermissions(permissions: readonly Permission[]): Promise<void> {
  for (const permission of permissions) {
    if (permission.context !== undefined)
      throw unfit(`permissions of ${permission.object}: SELinux contexts are not supported`)
    const owner = permission.owner === undefined ? null : (await userOf(permission.owner)).uid
    const group = permission.group === undefined ? null : await groupId(permission.group)
    for (const path of matching(permission)) apply(path, permission, owner, group)
  }
}

/** The object itself, and below it what the pattern names and `except` does not. */
function matching({ object, pattern, except, type }: Permission): string[] {
  const root = lstatSync(object, { throwIfNoEntry: false })
  if (root === undefined) throw unfit(`permissions: ${object} does not exist`)
  if (!root.isDirectory()) return type.includes('file') ? [object] : []
  const isWanted = picomatch(pattern, { dot: true })
  const isExcepted = except.length > 0 ? picomatch(except, { dot: true }) : () => false
  const found: string[] = pattern === '**' && type.includes('directory') ? [object] : []
  const folders = [object]
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) folders.push(path)
      // What a link leads to may be anybody's.
      if (entry.isSymbolicLink() || !type.includes(entry.isDirectory() ? 'directory' : 'file')) continue
      const below = relative(object, path)
      if (isWanted(below) && !isExcepted(below)) found.push(path)
    }
  }
  return found
}

function apply(path: string, { mode, acls }: Permission, owner: number | null, group: number | null): void {
  const status = lstatSync(path)
  try {
    if (owner !== null || group !== null) chownSync(path, owner ?? status.uid, group ?? status.gid)
    if (mode !== undefined) chmodSync(path, Number.parseInt(mode, 8))
  } catch (cause) {
    throw unfit(`permissions of ${path}: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
  if (acls.length === 0) return
  const entries = acls.flatMap((acl) => ['-m', acl])
  const ended = spawnSync('setfacl', [...entries, '--', path], { timeout: aclTimeoutMs, encoding: 'utf8' })
  if (ended.status !== 0) throw unfit(`permissions of ${path}: setfacl ${ended.error?.message ?? ended.stderr.trim()}`)
}

const unfit = (message: string) => failedError('APPSPEC_PERMISSIONS', message)
