/** How a fleet's host is written: `local`, `ssh://[user@]host[:port]`, or `[user@]alias` as `~/.ssh/config` knows it. */

/** What is null is left to `ssh` and its configuration. */
export type HostAddress = { kind: 'local' } | { kind: 'ssh'; host: string; user: string | null; port: number | null }

const user = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/
const name = /^[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?$/
const inBrackets = /^\[([0-9A-Fa-f:.]+)\]$/
const maxLength = 300

/** The address, or what is wrong with it, as the end of a sentence. Nothing in it can look like an option of `ssh`. */
export function parseHostAddress(text: string): HostAddress | { problem: string; hint?: string } {
  if (text === 'local') return { kind: 'local' }
  if (text.length > maxLength) return { problem: `is longer than ${maxLength} characters` }
  return text.startsWith('ssh://') ? parseUrl(text.slice('ssh://'.length)) : parseAlias(text)
}

function parseUrl(rest: string): ReturnType<typeof parseHostAddress> {
  const [, who = null, place = ''] = /^(?:([^@]*)@)?([^@]*)$/.exec(rest) ?? []
  const [, host = '', port = null] = /^(\[[^\]]*\]|[^:]*)(?::([^:]*))?$/.exec(place) ?? []
  if (who?.includes(':')) return { problem: 'has a password in it: log in with a key' }
  if (who !== null && !user.test(who)) return { problem: `has no user name \`ssh\` could take before the \`@\`` }
  const bare = inBrackets.exec(host)?.[1] ?? (name.test(host) ? host : null)
  if (bare === null) return { problem: 'names no host', hint: 'write it as `ssh://user@host:port`' }
  if (port !== null && !isPort(port)) return { problem: 'has no port from 1 to 65535 after the `:`' }
  return { kind: 'ssh', host: bare, user: who, port: port === null ? null : Number(port) }
}

function parseAlias(text: string): ReturnType<typeof parseHostAddress> {
  const [, who = null, host = ''] = /^(?:([^@]*)@)?([^@]*)$/.exec(text) ?? []
  if (text.startsWith('-') || host.startsWith('-')) return { problem: 'looks like an option of `ssh`' }
  if (host.includes(':')) {
    return {
      problem: 'has a `:` in it',
      hint: 'a port is written as `ssh://host:port`, an IPv6 address as `ssh://[::1]`',
    }
  }
  if (who !== null && !user.test(who)) return { problem: 'has no user name `ssh` could take before the `@`' }
  if (!name.test(host)) {
    return { problem: 'is no host', hint: 'use `local`, `ssh://user@host:port`, or a name from ~/.ssh/config' }
  }
  return { kind: 'ssh', host, user: who, port: null }
}

const isPort = (text: string): boolean => /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535
