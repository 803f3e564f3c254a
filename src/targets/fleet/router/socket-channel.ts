/**
 * What the socket holder and its routers say to each other, over the channel that Node opens between a process and one
 * it started. Listening sockets travel with messages: the system lets both ends have the same socket, so that it
 * outlives either.
 */
import type { ChildProcess } from 'node:child_process'
import { z } from 'zod'

const address = { host: z.string(), port: z.number().int() }

export const channelMessageSchema = z.discriminatedUnion('kind', [
  // A router to its holder.
  /** Its program is loaded: it may be given the sockets. */
  z.object({ kind: z.literal('loaded') }),
  /** With a socket it listens on: answered with `done` once the holder has it. */
  z.object({ kind: z.literal('hold'), id: z.number().int(), ...address }),
  /** It listens there no more: answered with `done` once the holder has closed its copy. */
  z.object({ kind: z.literal('release'), id: z.number().int(), ...address }),
  /** It serves; `command` starts another like it. */
  z.object({
    kind: z.literal('ready'),
    pid: z.number().int(),
    startedAt: z.string().nullable(),
    command: z.tuple([z.string()]).rest(z.string()),
  }),
  /** It changes nothing any more, and what it knows is on disk. */
  z.object({ kind: z.literal('frozen') }),
  /** It was told to end by someone else: another must take its place. */
  z.object({ kind: z.literal('ending') }),
  // The holder to a router.
  /** With a socket for it. */
  z.object({ kind: z.literal('socket'), ...address }),
  /** It has all sockets: it shall serve. */
  z.object({ kind: z.literal('take-over') }),
  z.object({ kind: z.literal('freeze') }),
  /** The successor did not come up: it goes on. */
  z.object({ kind: z.literal('thaw') }),
  /** The successor serves: it shall end what it has. */
  z.object({ kind: z.literal('retire') }),
  /** Nobody takes over: it shall end, and give its sockets back. */
  z.object({ kind: z.literal('end') }),
  z.object({ kind: z.literal('done'), id: z.number().int() }),
])
export type ChannelMessage = z.infer<typeof channelMessageSchema>

/** A listening socket as Node passes it on: what `server.listen` takes, too. */
export type SocketHandle = { close(): void }

export type Channel = {
  /** False where the other end is gone: then nothing was sent. */
  send(message: ChannelMessage, socket?: SocketHandle): boolean
  onMessage(listener: (message: ChannelMessage, socket: SocketHandle | undefined) => void): void
  /** Called once, when the other end is gone. */
  onClose(listener: () => void): void
  close(): void
}

/** The channel to a child started with one, or, of `process`, to the parent that started us with one. */
export function channelOf(end: ChildProcess | NodeJS.Process): Channel {
  return {
    send(message, socket) {
      if (!end.connected) return false
      // Node passes on raw handles as it does servers; its types name only the latter. Errors: the other end is gone.
      end.send?.(message, socket as never, {}, () => {})
      return true
    },
    onMessage(listener) {
      end.on('message', (message: unknown, socket: unknown) => {
        const parsed = channelMessageSchema.safeParse(message)
        // What a newer version says besides is not for this one.
        if (parsed.success) listener(parsed.data, (socket ?? undefined) as SocketHandle | undefined)
      })
    },
    onClose(listener) {
      end.once('disconnect', listener)
    },
    close() {
      if (end.connected) end.disconnect?.()
    },
  }
}

export const addressKey = (host: string, port: number): string => `${host} ${port}`
