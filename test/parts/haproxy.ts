/** A real HAProxy as a team runs it: its own frontends and backends, and a stats socket. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findProgram, missingPart, startLocalServer } from './local-server.ts'

export type HaproxyPart = {
  socket: string
  /** What a team does when it has changed its configuration: another worker takes over. */
  reload(): void
  stop(): Promise<void>
}

/** A port with the backend behind it; slots are servers set aside, else we add our own. */
export type HaproxySite = { port: number; backend: string; slots?: number }

const find = (environment: NodeJS.ProcessEnv) => findProgram('haproxy', environment, ['/usr/sbin'])

export const haproxyMissing = (environment = process.env): string | false =>
  missingPart(find(environment), 'haproxy is not installed (apt-get install haproxy)', environment)

export async function startHaproxy(sites: readonly HaproxySite[], environment = process.env): Promise<HaproxyPart> {
  const program = find(environment)
  if (program === null) throw new Error('haproxy is not installed, and in CI no part may be missing')
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-haproxy-'))
  const configuration = join(folder, 'haproxy.cfg')
  const socket = join(folder, 'admin.sock')
  const siteLines = ({ port, backend, slots = 0 }: HaproxySite): string[] => [
    `frontend ${backend}-in`,
    `  bind 127.0.0.1:${port}`,
    `  default_backend ${backend}`,
    `backend ${backend}`,
    '  balance roundrobin',
    ...(slots > 0 ? [`  server-template trunkline 1-${slots} 127.0.0.1:1 disabled`] : []),
    '  server other 127.0.0.1:1 disabled',
  ]
  writeFileSync(
    configuration,
    [
      ...['global', `  stats socket ${socket} mode 600 level admin`, 'defaults', '  mode http'],
      ...['  timeout connect 5s', '  timeout client 60s', '  timeout server 60s', '  timeout tunnel 1h'],
      ...[...sites.flatMap(siteLines), ''],
    ].join('\n'),
  )
  const server = await startLocalServer({
    argv: [program, '-W', '-db', '-f', configuration],
    ready: /Loading success|New worker.*forked/i,
    environment: { PATH: environment['PATH'] ?? '' },
  })
  return {
    socket,
    reload() {
      if (server.pid !== undefined) process.kill(server.pid, 'SIGUSR2')
    },
    async stop() {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
