/** A browser without windows: it keeps cookies and follows redirects. */
export type VisitedPage = {
  status: number
  /** Where the visitor ended up. */
  path: string
  html: string
  /** The text of its first heading. */
  heading: string
  /** Names and values of the page's hidden form fields. */
  hiddenFields(): Map<string, string>
}

export type Visitor = {
  get(path: string): Promise<VisitedPage>
  /** Sends a form; any status from 500 is an error. */
  post(path: string, form: Record<string, string>): Promise<VisitedPage>
}

const maxRedirects = 5
const timeoutMs = 20_000

export function createVisitor(address: string): Visitor {
  const cookies = new Map<string, string>()

  async function visit(path: string, init: RequestInit, redirects = 0): Promise<VisitedPage> {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(new URL(path, address), {
      ...init,
      headers: { ...(cookie === '' ? {} : { cookie }) },
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    })
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (name !== undefined && value !== undefined) cookies.set(name, value)
    }
    const html = await response.text()
    if (response.status >= 500) throw new Error(`${path} answered ${response.status}`)
    const location = response.headers.get('location')
    if (location === null) {
      const [, heading = ''] = /<h1>([^<]*)/.exec(html) ?? []
      return { status: response.status, path, html, heading, hiddenFields: () => hiddenFieldsOf(html) }
    }
    if (redirects >= maxRedirects) throw new Error(`${path} redirects in a circle`)
    return visit(location, { method: 'GET' }, redirects + 1)
  }

  return {
    get: (path) => visit(path, { method: 'GET' }),
    post: (path, form) => visit(path, { method: 'POST', body: new URLSearchParams(form) }),
  }
}

function hiddenFieldsOf(html: string): Map<string, string> {
  const fields = html.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)
  return new Map([...fields].map(([, name = '', value = '']) => [name, value]))
}
