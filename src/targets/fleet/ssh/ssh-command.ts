/** How `ssh` is called. Pure: an argv, and a remote command made of nothing but our own words. */
import type { HostAddress } from '../../../model/index.ts'

export type SshAddress = Extract<HostAddress, { kind: 'ssh' }>

export type SshOptions = {
  /** A file in place of `~/.ssh/config`. */
  configFile: string | null
  connectTimeoutSeconds: number
  /** A connection that is silent for this long three times is lost. */
  aliveIntervalSeconds: number
}

const aliveCount = 3

/**
 * What must hold whatever `~/.ssh/config` says: no question is asked, an unknown or changed host key ends it, nothing of
 * this machine is reachable from there, and no other process's connection is shared. The rest (keys, users, ports, jump
 * hosts) is the configuration's.
 */
const fixedOptions: Readonly<Record<string, string>> = {
  BatchMode: 'yes',
  StrictHostKeyChecking: 'yes',
  UpdateHostKeys: 'no',
  ForwardAgent: 'no',
  ForwardX11: 'no',
  ClearAllForwardings: 'yes',
  PermitLocalCommand: 'no',
  RequestTTY: 'no',
  RemoteCommand: 'none',
  ControlMaster: 'no',
  ControlPath: 'none',
  ServerAliveCountMax: String(aliveCount),
  LogLevel: 'ERROR',
}

/** `ssh … -- host command`. The command is run by the login shell there: see `shellCommand`. */
export function sshArgv(address: SshAddress, options: SshOptions, command: string): [string, ...string[]] {
  return [...sshPrefix(address, options), '-T', '--', address.host, command]
}

/** Prints what `ssh` makes of the address, without connecting. */
export function sshResolveArgv(address: SshAddress, options: SshOptions): [string, ...string[]] {
  return [...sshPrefix(address, options), '-G', '--', address.host]
}

function sshPrefix({ user, port }: SshAddress, options: SshOptions): [string, ...string[]] {
  const settings = {
    ...fixedOptions,
    ConnectTimeout: String(options.connectTimeoutSeconds),
    ServerAliveInterval: String(options.aliveIntervalSeconds),
  }
  return [
    'ssh',
    ...(options.configFile === null ? [] : ['-F', options.configFile]),
    ...Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
    ...(user === null ? [] : ['-l', user]),
    ...(port === null ? [] : ['-p', String(port)]),
  ]
}

/**
 * A script for `/bin/sh`, whatever the login shell is: in single quotes, on one line, without the few characters that
 * some shell gives a meaning to even there.
 */
export function shellCommand(script: string): string {
  if (/['!\\\n\r\0]/.test(script)) throw new Error(`not for every login shell: ${script}`)
  return `exec /bin/sh -c '${script}'`
}
