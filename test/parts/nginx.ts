/** A real nginx as a team runs it: its own configuration, which includes a directory of ours. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findProgram, missingPart, startLocalServer } from './local-server.ts'

const execute = promisify(execFile)

export type NginxPart = {
  /** Included as `*.conf` within `http`. */
  directory: string
  pidFile: string
  test: string[]
  reload: string[]
  /** Adds a server to the team's configuration that passes everything to an upstream. */
  serve(port: number, upstream: string): Promise<void>
  stop(): Promise<void>
}

const find = (environment: NodeJS.ProcessEnv) => findProgram('nginx', environment, ['/usr/sbin'])

export const nginxMissing = (environment = process.env): string | false =>
  missingPart(find(environment), 'nginx is not installed (apt-get install nginx)', environment)

export async function startNginx(environment = process.env): Promise<NginxPart> {
  const program = find(environment)
  if (program === null) throw new Error('nginx is not installed, and in CI no part may be missing')
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-nginx-'))
  const [directory, sites] = [join(folder, 'trunkline.d'), join(folder, 'sites')]
  for (const each of [directory, sites]) mkdirSync(each)
  const configuration = join(folder, 'nginx.conf')
  const pidFile = join(folder, 'nginx.pid')
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `  ${name}_temp_path ${join(folder, name)};`,
  )
  writeFileSync(
    configuration,
    [
      ...['daemon off;', 'worker_processes 2;', `pid ${pidFile};`, 'error_log stderr notice;'],
      ...['events { worker_connections 1024; }', 'http {', '  access_log off;', ...temporary],
      ...['  map $http_upgrade $upgrade_or_close { default upgrade; "" close; }'],
      ...[`  include ${directory}/*.conf;`, `  include ${sites}/*.conf;`, '}', ''],
    ].join('\n'),
  )
  const argv = [program, '-p', folder, '-c', configuration] as const
  const reload = [...argv, '-s', 'reload']
  const server = await startLocalServer({
    argv: [...argv],
    ready: /start worker process \d+/,
    environment: { PATH: environment['PATH'] ?? '' },
  })
  return {
    directory,
    pidFile,
    test: [...argv, '-t'],
    reload,
    async serve(port, upstream) {
      const passing = [
        `proxy_pass http://${upstream};`,
        'proxy_http_version 1.1;',
        'proxy_set_header Upgrade $http_upgrade;',
        'proxy_set_header Connection $upgrade_or_close;',
      ]
      writeFileSync(
        join(sites, `${upstream}.conf`),
        `server { listen 127.0.0.1:${port}; location / { ${passing.join(' ')} } }\n`,
      )
      await execute(argv[0], reload.slice(1))
    },
    async stop() {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
