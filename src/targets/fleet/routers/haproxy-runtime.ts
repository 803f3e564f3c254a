/** HAProxy's runtime interface: one command on its stats socket, and the answer until it closes. */
import { connect } from 'node:net'
import { erroredError, TrunklineError } from '../../../model/index.ts'

const timeoutMs = 3000
const maxAnswerBytes = 32 * 1024 * 1024

export type HaproxyServer = {
  name: string
  address: string
  port: number
  weight: number
  /** What an operator, or we, asked for. */
  admin: 'ready' | 'drain' | 'maintenance'
}

/** Errored `ROUTER_UNREACHABLE` where nobody answers; the answer is HAProxy's own text. */
export async function tellHaproxy(socketPath: string, command: string): Promise<string> {
  try {
    return await exchange(socketPath, command)
  } catch (cause) {
    if (cause instanceof TrunklineError) throw cause
    const { code, message } = cause as NodeJS.ErrnoException
    const why =
      { ENOENT: 'there is no such socket', EACCES: 'permission denied', ECONNREFUSED: 'nobody listens' }[code ?? ''] ??
      message
    throw erroredError('ROUTER_UNREACHABLE', `HAProxy does not answer at ${socketPath}: ${why}`, {
      hint: 'Its `global` section needs `stats socket PATH mode 660 level admin`, open to the user that runs the agent.',
      cause,
    })
  }
}

function exchange(socketPath: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let sizeBytes = 0
    const socket = connect(socketPath)
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error('no answer in time')))
    socket.on('data', (chunk) => {
      chunks.push(chunk)
      sizeBytes += chunk.length
      if (sizeBytes > maxAnswerBytes) socket.destroy(new Error('it answers too much'))
    })
    socket.once('error', reject)
    socket.once('end', () => resolve(Buffer.concat(chunks).toString('utf8').trim()))
    socket.once('close', () => reject(new Error('it broke off')))
    // Not ended from here: HAProxy would take that for an end of interest.
    socket.write(`${command}\n`)
  })
}

/** A command that is only heard of when it goes wrong: some answer with a sentence where they succeed. */
export async function orderHaproxy(socketPath: string, command: string, success: RegExp = /^$/): Promise<void> {
  const answer = await tellHaproxy(socketPath, command)
  if (success.test(answer)) return
  const denied = /permission denied/i.test(answer)
  throw erroredError('HAPROXY_REFUSED', `HAProxy refuses \`${command}\`: ${answer.split('\n')[0]}`, {
    hint: denied ? 'The stats socket needs `level admin`.' : 'Nothing more was changed.',
  })
}

/** The servers of a backend. Errored `HAPROXY_BACKEND` where the team's configuration has none of that name. */
export async function serversOf(socketPath: string, backend: string): Promise<HaproxyServer[]> {
  const answer = await tellHaproxy(socketPath, `show servers state ${backend}`)
  if (answer === '') {
    throw erroredError('ROUTER_UNREACHABLE', `HAProxy does not answer at ${socketPath}: closed without an answer`)
  }
  if (!answer.includes('# be_id')) {
    throw erroredError('HAPROXY_BACKEND', `HAProxy has no backend ${backend}: ${answer.split('\n')[0]}`, {
      hint: `Add \`backend ${backend}\` with \`balance roundrobin\` to its configuration, and reload it.`,
    })
  }
  return parseServers(answer)
}

/** Format 1 of `show servers state`. */
export function parseServers(answer: string): HaproxyServer[] {
  const header = answer.split('\n').find((line) => line.startsWith('# be_id'))
  const columns = (header ?? '').slice(2).split(' ')
  const rows = answer.split('\n').filter((line) => /^\d+ /.test(line))
  return rows.map((row) => {
    const fields = row.split(' ')
    const field = (name: string) => fields[columns.indexOf(name)] ?? ''
    const admin = Number(field('srv_admin_state'))
    return {
      name: field('srv_name'),
      address: field('srv_addr'),
      port: Number(field('srv_port')),
      weight: Number(field('srv_uweight')),
      // Bits 0x01, 0x02, 0x20 and 0x40 are kinds of maintenance, 0x08 and 0x10 of draining; 0x04 only remembers that the
      // configuration said `disabled` (management guide, 9.3, and SRV_ADMF_MAINT in its sources).
      admin: (admin & 0x63) !== 0 ? 'maintenance' : (admin & 0x18) !== 0 ? 'drain' : 'ready',
    }
  })
}

/** Requests and connections under way or queued, by `backend/server`. */
export async function sessionsAt(socketPath: string): Promise<Map<string, number>> {
  return parseSessions(await tellHaproxy(socketPath, 'show stat -1 4 -1'))
}

/** The CSV of `show stat`: names hold no comma. */
export function parseSessions(answer: string): Map<string, number> {
  const [header = '', ...rows] = answer.split('\n')
  const columns = header.replace(/^# /, '').split(',')
  const [proxy, server, current, queued] = ['pxname', 'svname', 'scur', 'qcur'].map((name) => columns.indexOf(name))
  return new Map(
    rows
      .filter((row) => row.includes(','))
      .map((row) => {
        const fields = row.split(',')
        const of = (column: number | undefined) => fields[column ?? -1] ?? ''
        return [`${of(proxy)}/${of(server)}`, Number(of(current)) + Number(of(queued))]
      }),
  )
}
