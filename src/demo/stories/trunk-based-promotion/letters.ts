/** Where Slack's incoming webhook would be: keeps what people would read. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as z from 'zod'

export type Letters = {
  url: string
  /** Every text so far, one message each. */
  said(): readonly string[]
  close(): Promise<void>
}

const textSchema = z.object({ text: z.string() })
const messageSchema = z.object({
  text: z.string(),
  blocks: z.array(z.object({ text: textSchema.optional(), elements: z.array(textSchema).optional() })),
})
const maxBytes = 256 * 1024

export async function openLetters(): Promise<Letters> {
  const said: string[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of request) {
      size += chunk.length
      if (size > maxBytes) return void response.writeHead(413).end()
      chunks.push(chunk)
    }
    const { text, blocks } = messageSchema.parse(JSON.parse(Buffer.concat(chunks).toString('utf8')))
    const lines = blocks.flatMap((block) => [block.text, ...(block.elements ?? [])].flatMap((one) => one?.text ?? []))
    said.push([text, ...lines].join('\n'))
    response.end('ok')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // it listens on TCP
  return {
    url: `http://127.0.0.1:${port}/services/T000/B000/demo`,
    said: () => said,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
