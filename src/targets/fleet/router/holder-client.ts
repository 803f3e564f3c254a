/** Talks to the socket holder of a router's folder. */
import { connect } from 'node:net'
import { erroredError, TrunklineError } from '../../../model/index.ts'
import {
  type HolderAnswer,
  type HolderRequest,
  holderAnswerSchema,
  holderSocketPath,
  maxHolderMessageBytes,
} from './holder-protocol.ts'

/** A handover takes as long as a program needs to load on a busy machine. */
const timeoutMs: Record<HolderRequest['ask'], number> = {
  describe: 5000,
  'replace-router': 90_000,
  leave: 5000,
  stop: 30_000,
}

/** Errored `HOLDER_UNREACHABLE` where none answers, `HOLDER_REFUSED` where it says why not. */
export async function askHolder(directory: string, request: HolderRequest): Promise<HolderAnswer> {
  const path = holderSocketPath(directory)
  try {
    const answer = holderAnswerSchema.parse(JSON.parse(await exchange(path, request)))
    if (answer.error !== null) throw erroredError('HOLDER_REFUSED', `the router's socket holder says: ${answer.error}`)
    return answer
  } catch (cause) {
    if (cause instanceof TrunklineError) throw cause
    throw erroredError('HOLDER_UNREACHABLE', `the router's socket holder does not answer at ${path}`, { cause })
  }
}

function exchange(path: string, request: HolderRequest): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(path)
    socket.setTimeout(timeoutMs[request.ask], () => socket.destroy(new Error('no answer in time')))
    socket.setEncoding('utf8')
    socket.on('error', reject)
    socket.on('data', (part) => {
      text += part
      if (text.length > maxHolderMessageBytes) socket.destroy(new Error('it answers too much'))
    })
    socket.once('end', () => resolve(text))
    socket.once('close', () => reject(new Error('it broke off')))
    socket.write(`${JSON.stringify(request)}\n`)
  })
}
