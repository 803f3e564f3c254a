/** What the two ends of a channel over SSH say before and beside the agent's own protocol. */
import { z } from 'zod'
import { errorMessageSchema } from './error-message.ts'
import type { AgentDescription } from './protocol.ts'

/** Begins the one line before the channel itself: what a login shell prints on its own stands in front of it. */
export const bridgeMark = 'TRUNKLINE-BRIDGE '

/** Said by the shell instead, where this version's program is not on the host. */
export const missingMark = 'TRUNKLINE-MISSING '

/** Changes when one end could misread the other. */
export const bridgeProtocol = 1

/** Large artifacts go through; a slow reader of logs holds nobody up. */
export const channelSettings = { initialWindowSize: 1024 * 1024, maxConcurrentStreams: 1000 }

export const greetingSchema = z.object({
  protocol: z.literal(bridgeProtocol),
  version: z.string(),
  node: z.string(),
  platform: z.string(),
  nowMs: z.number(),
  freeBytes: z.number(),
})
export type BridgeGreeting = z.infer<typeof greetingSchema>

/** The bridge is of this very program, so what it describes is what the compiler says. */
const descriptionSchema = z.looseObject({ pid: z.number() }) as unknown as z.ZodType<AgentDescription>

/** null: no agent ever ran there, and none was to be started. */
export const bridgeAnswerSchema = z.union([
  z.object({ ok: descriptionSchema.nullable() }),
  z.object({ error: errorMessageSchema }),
])
export type BridgeAnswer = z.infer<typeof bridgeAnswerSchema>
