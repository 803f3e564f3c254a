/** Keeps what stands in URLs and headers for git to sign in with out of everything people read (invariant 13). */

/** Up to the last `@` before the path: a password may hold an `@` itself. */
const userInfo = /([a-z][a-z0-9+.-]*:\/\/)[^\s/'"]*@/gi
const authorizationHeader = /(authorization:\s*)(?:(basic|bearer|token)\s+)?\S+/gi

/** The text with user names and passwords removed from URLs, and tokens from authorization headers. */
export function withoutCredentials(text: string): string {
  return text
    .replace(userInfo, '$1')
    .replace(authorizationHeader, (_, name: string, scheme?: string) => `${name}${scheme ? `${scheme} ` : ''}[hidden]`)
}
