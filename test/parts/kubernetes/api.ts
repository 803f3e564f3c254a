/** The Kubernetes API as plain requests, for a test that looks at what it made or breaks it; quicker than a kubectl each. */
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'

/** An object of the API; tests read what they know to be there. */
export type KubernetesObject = {
  apiVersion: string
  kind: string
  metadata: {
    name: string
    namespace?: string
    uid?: string
    generation?: number
    resourceVersion?: string
    labels?: Record<string, string>
    annotations?: Record<string, string>
    [field: string]: unknown
  }
  // biome-ignore lint/suspicious/noExplicitAny: the shape is the kind's own, and a test names what it wants of it
  [field: string]: any
}

export type ApiAnswer = { status: number; text: string }

export type KubernetesApi = {
  request(method: string, path: string, body?: unknown, contentType?: string): Promise<ApiAnswer>
  /** The object at the path; null where there is none, an error for every other refusal. */
  get(path: string): Promise<KubernetesObject | null>
  list(path: string): Promise<KubernetesObject[]>
  create(path: string, object: unknown): Promise<KubernetesObject>
  /** A merge patch. */
  patch(path: string, change: unknown): Promise<KubernetesObject>
  delete(path: string): Promise<void>
  close(): void
}

const requestTimeoutMs = 30_000

export function createApi(server: string, certificateAuthority: string, token: string): KubernetesApi {
  const agent = new Agent({ keepAlive: true, ca: readFileSync(certificateAuthority) })
  const ask = (method: string, path: string, body?: unknown, contentType = 'application/json') =>
    new Promise<ApiAnswer>((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}`, accept: 'application/json', 'content-type': contentType }
      const sent = request(`${server}${path}`, { method, agent, headers, timeout: requestTimeoutMs }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.once('error', reject)
        response.once('end', () =>
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
        )
      })
      sent.once('error', reject)
      sent.once('timeout', () => sent.destroy(new Error(`${method} ${path} took too long`)))
      sent.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body))
    })
  const expectObject = async (method: string, path: string, body?: unknown, contentType?: string) => {
    const { status, text } = await ask(method, path, body, contentType)
    if (status >= 300) throw new Error(`${method} ${path} was answered ${status}: ${text}`)
    return JSON.parse(text)
  }
  return {
    request: ask,
    async get(path) {
      const { status, text } = await ask('GET', path)
      if (status === 404) return null
      if (status >= 300) throw new Error(`GET ${path} was answered ${status}: ${text}`)
      return JSON.parse(text)
    },
    list: async (path) => (await expectObject('GET', path)).items,
    create: (path, object) => expectObject('POST', path, object),
    patch: (path, change) => expectObject('PATCH', path, change, 'application/merge-patch+json'),
    async delete(path) {
      await expectObject('DELETE', path)
    },
    close: () => agent.destroy(),
  }
}
