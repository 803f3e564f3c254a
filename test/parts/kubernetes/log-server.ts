/**
 * The one part of a kubelet that tests ask for: `kubectl logs`, also followed. The API server sends such requests to the
 * node's kubelet; here all nodes name this server. It is a program: its options are its one argument, as JSON.
 */
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { createApi } from './api.ts'
import { type LogLine, readContainerLog } from './pod-log.ts'

type Options = {
  server: string
  token: string
  certificateAuthority: string
  port: number
  certificateFile: string
  keyFile: string
}

const options: Options = JSON.parse(process.argv[2] ?? '{}')
const api = createApi(options.server, options.certificateAuthority, options.token)
const lookAgainMs = 100

const tls = { cert: readFileSync(options.certificateFile), key: readFileSync(options.keyFile) }
createServer(tls, (request, response) => {
  answer(request, response).catch((error) => {
    if (response.headersSent) response.destroy()
    else response.writeHead(500).end(String(error))
  })
}).listen(options.port, '127.0.0.1')

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'https://kubelet')
  const [, namespace, pod, container] = /^\/containerLogs\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(url.pathname) ?? []
  if (namespace === undefined || pod === undefined || container === undefined) {
    response.writeHead(404).end('only logs are served here\n')
    return
  }
  const read = async () => {
    const found = await api.get(`/api/v1/namespaces/${namespace}/pods/${pod}`)
    return found === null
      ? null
      : readContainerLog(found, container, url.searchParams.get('previous') === 'true', new Date())
  }
  const first = await read()
  if (first === null || first.state === 'refused') {
    response.writeHead(first === null ? 404 : 400).end(first === null ? `pod "${pod}" not found` : first.reason)
    return
  }
  response.writeHead(200, { 'content-type': 'text/plain' })
  response.flushHeaders()
  const asked = selection(url.searchParams)
  let written = first.lines.length
  let isOpen = writeLines(response, asked.of(first.lines), asked)
  response.once('close', () => {
    isOpen = false
  })
  let more = first.more
  while (asked.follow && more && isOpen) {
    await sleep(lookAgainMs)
    const next = await read()
    if (next === null || next.state === 'refused') break
    isOpen = isOpen && writeLines(response, next.lines.slice(written), asked)
    written = next.lines.length
    more = next.more
  }
  response.end()
}

type Selection = {
  follow: boolean
  timestamps: boolean
  bytesLeft: number
  of(lines: LogLine[]): LogLine[]
}

function selection(query: URLSearchParams): Selection {
  const tail = query.get('tailLines')
  const seconds = query.get('sinceSeconds')
  const time = query.get('sinceTime')
  const since = seconds === null ? Date.parse(time ?? '') || 0 : Date.now() - Number(seconds) * 1000
  return {
    follow: query.get('follow') === 'true',
    timestamps: query.get('timestamps') === 'true',
    bytesLeft: Number(query.get('limitBytes') ?? Number.POSITIVE_INFINITY),
    of(lines) {
      const recent = lines.filter(({ at }) => at.getTime() >= since)
      return tail === null ? recent : recent.slice(Math.max(0, recent.length - Number(tail)))
    },
  }
}

/** False where as much was written as was asked for. */
function writeLines(response: ServerResponse, lines: LogLine[], asked: Selection): boolean {
  for (const { at, text } of lines) {
    const line = Buffer.from(`${asked.timestamps ? `${at.toISOString()} ` : ''}${text}\n`).subarray(0, asked.bytesLeft)
    asked.bytesLeft -= line.length
    response.write(line)
    if (asked.bytesLeft <= 0) return false
  }
  return true
}
