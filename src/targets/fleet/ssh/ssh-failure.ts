/** What went wrong with `ssh`, as its standard error tells it. */
import { erroredError, type TrunklineError } from '../../../model/index.ts'
import type { SshAddress } from './ssh-command.ts'

/** The words are OpenSSH's own (ssh.c, sshconnect.c, sshconnect2.c); they are not translated. */
export function sshFailure(name: string, address: SshAddress, standardError: string): TrunklineError {
  const text = printable(standardError)
  if (/REMOTE HOST IDENTIFICATION HAS CHANGED|Host key for .* has changed|is marked as revoked/.test(text)) {
    return erroredError('HOST_KEY_CHANGED', `the host ${name} shows another key than the one known for it`, {
      hint: `Somebody may stand between. If the host was set up anew: ssh-keygen -R '${knownName(address)}', compare the new key's fingerprint with the host's own, then add it to ~/.ssh/known_hosts.`,
    })
  }
  if (/host key is known for|Host key verification failed/.test(text)) {
    return erroredError('HOST_KEY_UNKNOWN', `the key of the host ${name} is not known here${jumpNote(text, address)}`, {
      hint: `${keyscan(address)} >> ~/.ssh/known_hosts, after comparing its fingerprint with the host's own (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub there).`,
    })
  }
  if (/Permission denied|Too many authentication failures|no mutual signature/.test(text)) {
    return erroredError('HOST_LOGIN', `the host ${name} does not let us in: ${lastLine(text)}`, {
      hint: 'Log in with a key that needs no question: `ssh-add`, or IdentityFile in ~/.ssh/config, and its public half in ~/.ssh/authorized_keys there.',
    })
  }
  if (/Bad configuration option|terminating, \d+ bad configuration|Can't open user config file/.test(text)) {
    return erroredError('SSH_CONFIG', `ssh cannot read its configuration: ${lastLine(text)}`)
  }
  if (/Could not resolve hostname/.test(text)) {
    return erroredError('HOST_UNREACHABLE', `the host ${name} cannot be found: ${lastLine(text)}`, {
      hint: 'Check its name, or give it a HostName in ~/.ssh/config.',
    })
  }
  const why = lastLine(text) || 'the connection ended'
  return erroredError('HOST_UNREACHABLE', `the host ${name} cannot be reached: ${why}`, {
    hint: `Try: ssh ${commandWords(address)} true`,
  })
}

export const sshMissing = (cause: unknown) =>
  erroredError('SSH_MISSING', 'hosts over SSH need the program `ssh`, which cannot be started', {
    hint: 'Install the OpenSSH client.',
    cause,
  })

const lastLine = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .at(-1)
    ?.slice(0, 300) ?? ''

/** A remote machine wrote part of it. */
const printable = (text: string): string => text.replace(/\r/g, '').replace(/[^\n\x20-\x7e]/g, '?')

const knownName = ({ host, port }: SshAddress): string => (port === null || port === 22 ? host : `[${host}]:${port}`)

const keyscan = ({ host, port }: SshAddress): string =>
  port === null ? `ssh-keyscan ${host}` : `ssh-keyscan -p ${port} ${host}`

const commandWords = ({ host, user, port }: SshAddress): string =>
  [...(port === null ? [] : ['-p', port]), user === null ? host : `${user}@${host}`].join(' ')

/** `ssh` names the host whose key it misses; behind a jump host that may be another. */
function jumpNote(text: string, { host }: SshAddress): string {
  const named = /host key is known for \[?([^\s\]]+)/.exec(text)?.[1]
  return named === undefined || named === host ? '' : ` (ssh asked for that of ${named})`
}
