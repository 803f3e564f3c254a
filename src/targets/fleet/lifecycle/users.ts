/** Users and groups of this host, as the system's own tools know them (files, LDAP, …). */
import { failedError } from '../../../model/index.ts'
import { runProcess } from '../../../process/index.ts'

export type User = { name: string; uid: number; gid: number; home: string }

const timeoutMs = 30_000

/** Fails with `APPSPEC_USER` where this host has no such user. */
export async function userOf(name: string): Promise<User> {
  const line = await lookUp('passwd', name)
  const [found = name, , uid, gid, , home = '/'] = line?.split(':') ?? []
  if (line === null) throw failedError('APPSPEC_USER', `this host has no user ${name}`)
  return { name: found, uid: Number(uid), gid: Number(gid), home }
}

/** Fails with `APPSPEC_USER` where this host has no such group. */
export async function groupId(name: string): Promise<number> {
  const line = await lookUp('group', name)
  if (line === null) throw failedError('APPSPEC_USER', `this host has no group ${name}`)
  return Number(line.split(':')[2])
}

async function lookUp(database: 'passwd' | 'group', name: string): Promise<string | null> {
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' }
  const end = await runProcess({ argv: ['getent', database, '--', name], cwd: '/', env, timeoutMs })
  const line = end.stdout.toString('utf8').trim()
  return end.exitCode === 0 && line !== '' ? line : null
}
