/** What `ssh` makes of a host's name: an alias stands for a host name or an address. */
import { runProcess } from '../../../process/index.ts'
import type { SshHost } from './run-over-ssh.ts'
import { sshResolveArgv } from './ssh-command.ts'

const timeoutMs = 10_000
const known = new Map<string, Promise<string>>()

/** Contacts nobody. Where `ssh` does not say, the name as configured. */
export function hostNameOf(host: SshHost, signal: AbortSignal): Promise<string> {
  const key = JSON.stringify([host.address, host.options])
  const asked = known.get(key) ?? askSsh(host, signal)
  known.set(key, asked)
  // Whoever was cancelled says nothing about the host.
  asked.catch(() => known.delete(key))
  return asked
}

async function askSsh({ address, options }: SshHost, signal: AbortSignal): Promise<string> {
  const argv = sshResolveArgv(address, options)
  const env = Object.fromEntries(Object.entries(process.env).map(([name, value]) => [name, value ?? '']))
  const { kind, exitCode, stdout } = await runProcess({ argv, env, timeoutMs, signal })
  const named = kind === 'exited' && exitCode === 0 ? /^hostname (\S+)$/m.exec(stdout.toString('utf8'))?.[1] : undefined
  return named ?? address.host
}
