/** Stands in for Slack's incoming webhooks, as they are documented: a POST of JSON with `text` or `blocks`, answered `ok`. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export type SlackPart = {
  /** Of the webhook. A GET of it answers the list of what was posted, which Slack does not. */
  url: string
  messages: string[]
  stop(): Promise<void>
}

export async function startSlack(): Promise<SlackPart> {
  const messages: string[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request.setEncoding('utf8')) body += chunk
    if (request.method === 'GET') return response.end(JSON.stringify(messages))
    if (!/^application\/json\b/.test(request.headers['content-type'] ?? '') || !isMessage(body)) {
      return response.writeHead(400).end('invalid_payload')
    }
    messages.push(body)
    return response.end('ok')
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/services/T0/B0/x`,
    messages,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

function isMessage(body: string): boolean {
  try {
    const { text, blocks } = JSON.parse(body) as { text?: unknown; blocks?: unknown }
    return (typeof text === 'string' && text !== '') || (Array.isArray(blocks) && blocks.length > 0)
  } catch {
    return false
  }
}
