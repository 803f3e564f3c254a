/** Where an answer ends, and whether its connection goes on (RFC 9112, 6.3 and 9.3). */
import { backendKeepAliveMarginMs, backendKeepAliveMaxMs, backendKeepAliveMs } from '../limits.ts'

export type Framing = {
  /** null: chunked, or until the connection ends. */
  lengthBytes: number | null
  isChunked: boolean
  isKept: boolean
  /** What the backend says it keeps an idle connection for, in s. */
  keptForS: number | null
}

/** null where the headers leave doubt: two lengths, a length and an encoding, an encoding other than `chunked`. */
export function frame(headers: readonly string[], { minor }: { minor: number }): Framing | null {
  let length: string | null = null
  let isChunked = false
  let connection = ''
  let keptFor = ''
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? ''
    const value = headers[at + 1] ?? ''
    switch (name.length) {
      case 10:
        if (isNamed(name, 'connection')) connection += `${value},`
        else if (isNamed(name, 'keep-alive')) keptFor = value
        break
      case 14:
        if (!isNamed(name, 'content-length')) break
        if (length !== null || !/^\d{1,15}$/.test(value)) return null
        length = value
        break
      case 17:
        if (!isNamed(name, 'transfer-encoding')) break
        if (isChunked || minor === 0 || !/^chunked$/i.test(value)) return null
        isChunked = true
        break
    }
  }
  if (isChunked && length !== null) return null
  return {
    lengthBytes: length === null ? null : Number(length),
    isChunked,
    isKept: minor === 0 ? /\bkeep-alive\b/i.test(connection) : connection === '' || !/\bclose\b/i.test(connection),
    keptForS: keptFor === '' ? null : secondsOf(keptFor),
  }
}

function secondsOf(keepAlive: string): number | null {
  const timeout = /\btimeout\s*=\s*(\d{1,9})\b/i.exec(keepAlive)?.[1]
  return timeout === undefined ? null : Number(timeout)
}

/** How long an idle connection is kept, so that the backend rarely closes it first; 0, not at all. */
export function keptForMs({ isKept, keptForS }: Framing): number {
  if (!isKept) return 0
  if (keptForS === null) return backendKeepAliveMs
  return Math.min(backendKeepAliveMaxMs, Math.max(0, keptForS * 1000 - backendKeepAliveMarginMs))
}

const isNamed = (name: string, lowerCase: string): boolean => name === lowerCase || name.toLowerCase() === lowerCase
