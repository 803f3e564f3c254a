/** What a doctor finds out about a host, without bringing anything to it. */
import { programVersion } from '../../../program/index.ts'
import type { SshHost } from './run-over-ssh.ts'
import { openChannel } from './ssh-channel.ts'

export type HostExamination =
  | { kind: 'nothing-there' }
  | { kind: 'other-version' }
  | { kind: 'there'; version: string; node: string; freeBytes: number; clockAheadMs: number }

/** Errors are those of the way to it: key unknown or changed, no login, not reachable. */
export async function examineHost(host: SshHost, signal: AbortSignal): Promise<HostExamination> {
  const askedAtMs = Date.now()
  const channel = await openChannel(host, signal)
  if ('missing' in channel) return { kind: channel.missing === 'never' ? 'nothing-there' : 'other-version' }
  channel.close()
  const { node, freeBytes, nowMs } = channel.greeting
  // It said so at some moment in between.
  const clockAheadMs = nowMs < askedAtMs ? nowMs - askedAtMs : Math.max(0, nowMs - Date.now())
  return { kind: 'there', version: programVersion, node, freeBytes, clockAheadMs }
}
