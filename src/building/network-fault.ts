/** A registry out of reach says nothing about the commit, and trying again helps. */
import { erroredError } from '../model/index.ts'
import type { FailedVerdict } from './run-command.ts'

/** What package managers and container tools print when a registry cannot be reached. */
const networkTrouble =
  /\b(ECONNRESET|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT)\b|Temporary failure in name resolution|Could not resolve host|TLS handshake timeout|i\/o timeout|no such host|connection refused|network is unreachable|toomanyrequests|\b50[234] (?:Bad Gateway|Service (?:Temporarily )?Unavailable|Gateway Time-?out)/i

/** Throws it errored where the end of the output tells of it. `who` is how people call what failed. */
export function refuteByNetwork(verdict: FailedVerdict, code: string, who: string): void {
  const line = verdict.logTail?.find((text) => networkTrouble.test(text))
  if (line === undefined) return
  throw erroredError(code, `${who} could not reach the network: ${line.trim()}`, {
    hint: 'is the registry up? a proxy or registry of your own is read from HTTPS_PROXY, NPM_CONFIG_REGISTRY, GOPROXY, …',
  })
}
