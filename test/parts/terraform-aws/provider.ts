/**
 * A provider of Terraform in the process of the test, which Terraform is told to attach to: the AWS provider's schema,
 * over a cloud that is played. It speaks the provider protocol, version 6, over HTTP/2.
 */
import { createServer, type Http2Session, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { pack, unpack } from './msgpack.ts'
import type { PlayedCloud, Value, Values } from './played-cloud.ts'
import { bytesOf, decode, encode, textOf } from './protobuf.ts'
import type { Block } from './schema.ts'

export type ProviderPart = {
  /** For the process of Terraform: it attaches, and installs no provider of this name. */
  environment: { TF_REATTACH_PROVIDERS: string }
  stop(): Promise<void>
}

type Message = Map<number, Buffer | number>

const nestingNumbers = { single: 1, list: 2, set: 3 } as const

export async function startProvider(cloud: PlayedCloud, source = 'registry.terraform.io/hashicorp/aws') {
  const answers = answersOf(cloud)
  const sessions = new Set<Http2Session>()
  const server = createServer()
  server.on('session', (session) => {
    sessions.add(session)
    session.on('error', () => {})
    session.on('close', () => sessions.delete(session))
  })
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    const [, , method = ''] = String(headers[':path']).split('/')
    const answer = answers[method]
    if (answer === undefined) return refuse(stream)
    void serve(stream, answer)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // It listens on TCP.
  const attached = {
    ...{ Protocol: 'grpc', ProtocolVersion: 6, Pid: process.pid, Test: true },
    Addr: { Network: 'tcp', String: `127.0.0.1:${port}` },
  }
  const part: ProviderPart = {
    environment: { TF_REATTACH_PROVIDERS: JSON.stringify({ [source]: attached }) },
    async stop() {
      for (const session of sessions) session.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return part
}

async function serve(stream: ServerHttp2Stream, answer: (asked: Message) => Promise<Buffer> | Buffer): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  const reply = await answer(decode(Buffer.concat(chunks).subarray(5)))
  const head = Buffer.alloc(5)
  head.writeUInt32BE(reply.length, 1)
  if (stream.destroyed) return
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
  stream.end(Buffer.concat([head, reply]))
}

/** Streams of a plugin's own, and what is new in the protocol: nobody needs them. */
function refuse(stream: ServerHttp2Stream): void {
  const headers = { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' }
  stream.respond(headers, { endStream: true })
}

function answersOf(cloud: PlayedCloud): Record<string, (asked: Message) => Promise<Buffer> | Buffer> {
  const nothing = () => encode({})
  return {
    GetProviderSchema: () => encodeSchemas(cloud),
    ...{ ValidateProviderConfig: nothing, ValidateResourceConfig: nothing, ValidateDataResourceConfig: nothing },
    ...{ ConfigureProvider: nothing, StopProvider: nothing },
    UpgradeResourceState(asked) {
      const state = JSON.parse(textOf(decode(bytesOf(asked, 3)), 1)) as Value
      return encode({ 1: dynamic(state) })
    },
    ReadResource(asked) {
      const state = valuesIn(asked, 2)
      return encode({ 1: dynamic(state === null ? null : cloud.refresh(textOf(asked, 1), state)) })
    },
    PlanResourceChange(asked) {
      const { planned, replaces } = cloud.plan(textOf(asked, 1), valuesIn(asked, 2), valuesIn(asked, 3))
      const paths = replaces.map((name) => encode({ 1: encode({ 1: name }) }))
      return encode({ 1: dynamic(planned), 2: paths, 5: true })
    },
    async ApplyResourceChange(asked) {
      const prior = valuesIn(asked, 2)
      try {
        return encode({ 1: dynamic(await cloud.apply(textOf(asked, 1), prior, valuesIn(asked, 3))), 4: true })
      } catch (error) {
        const summary = error instanceof Error ? error.message : String(error)
        return encode({ 1: dynamic(prior), 3: encode({ 1: 1, 2: summary }), 4: true })
      }
    },
    ReadDataSource: (asked) => encode({ 1: dynamic(cloud.readData(textOf(asked, 1), valuesIn(asked, 2) ?? {})) }),
  }
}

const dynamic = (value: Value): Buffer => encode({ 1: pack(value) })

/** An object, or null for what is not there. */
function valuesIn(message: Message, number: number): Values | null {
  const value = unpack(bytesOf(decode(bytesOf(message, number)), 1))
  return value as Values | null // Resources are objects.
}

function encodeSchemas({ schema }: PlayedCloud): Buffer {
  const named = (blocks: Record<string, Block>) =>
    Object.entries(blocks).map(([name, block]) => encode({ 1: name, 2: encodeSchema(block) }))
  return encode({ 1: encodeSchema(schema.provider), 2: named(schema.resources), 3: named(schema.dataSources) })
}

const encodeSchema = (block: Block): Buffer => encode({ 2: encodeBlock(block) })

function encodeBlock({ attributes, blocks }: Block): Buffer {
  return encode({
    2: attributes.map(({ name, type, required, optional, computed }) =>
      encode({ 1: name, 2: JSON.stringify(type), 4: required, 5: optional, 6: computed }),
    ),
    3: blocks.map(({ name, nesting, min, max, block }) =>
      encode({ 1: name, 2: encodeBlock(block), 3: nestingNumbers[nesting], 4: min, 5: max }),
    ),
  })
}
