/** A real Redis with a password, that keeps nothing. */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findProgram, freePort, missingPart, startLocalServer } from './local-server.ts'

const execute = promisify(execFile)

export type RedisPart = {
  /** `redis://:password@127.0.0.1:port` */
  url: string
  password: string
  /** Runs one command and answers its output, line by line. */
  command(...words: string[]): Promise<string[]>
  stop(): Promise<void>
}

/** For `test({ skip })`. */
export const redisMissing = (environment = process.env): string | false =>
  missingPart(
    findProgram('redis-server', environment),
    'redis-server is not installed (apt-get install redis-server)',
    environment,
  )

export async function startRedis(environment = process.env): Promise<RedisPart> {
  const program = findProgram('redis-server', environment)
  if (program === null) throw new Error('redis-server is not installed, and in CI no part may be missing')
  const client = findProgram('redis-cli', environment) ?? 'redis-cli'
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-redis-'))
  const password = randomBytes(16).toString('hex')
  const port = await freePort()
  const place = ['--bind', '127.0.0.1', '--port', String(port), '--dir', folder]
  const forgetful = ['--save', '', '--appendonly', 'no']
  const server = await startLocalServer({
    argv: [program, ...place, ...forgetful, '--requirepass', password],
    ready: /Ready to accept connections/,
    environment: { PATH: environment['PATH'] ?? '', LC_ALL: 'C' },
  })
  return {
    url: `redis://:${password}@127.0.0.1:${port}`,
    password,
    async command(...words) {
      const { stdout } = await execute(client, ['-h', '127.0.0.1', '-p', String(port), ...words], {
        env: { PATH: environment['PATH'] ?? '', REDISCLI_AUTH: password },
      })
      return stdout.split('\n').filter((line) => line !== '')
    },
    async stop() {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
