/** What a socket holder's owner may ask, over a unix socket in its folder: one line of JSON, answered by one. */
import { join } from 'node:path'
import { z } from 'zod'

/** Where the socket holder of a router's folder listens for its owner. */
export const holderSocketPath = (directory: string): string => join(directory, 'holder.sock')

export const maxHolderMessageBytes = 64 * 1024

export const holderRequestSchema = z.discriminatedUnion('ask', [
  z.object({ ask: z.literal('describe') }),
  /** Starts a router by this command and lets it take over; answered when it serves. */
  z.object({ ask: z.literal('replace-router'), command: z.tuple([z.string()]).rest(z.string()) }),
  /** Ends the holder alone: its router starts another, of its own version. */
  z.object({ ask: z.literal('leave') }),
  /** Ends the router and the holder; answered when the sockets are closed. */
  z.object({ ask: z.literal('stop') }),
])
export type HolderRequest = z.infer<typeof holderRequestSchema>

export const holderAnswerSchema = z.object({
  pid: z.number().int(),
  startedAt: z.string().nullable(),
  version: z.string(),
  routerPid: z.number().int().nullable(),
  /** Starts another router like the one that serves; absent in answers of older holders. */
  routerCommand: z.array(z.string()).optional(),
  /** Why what was asked was not done. */
  error: z.string().nullable(),
})
export type HolderAnswer = z.infer<typeof holderAnswerSchema>
