import assert from 'node:assert/strict'
import type { CommandRun, DesiredService } from '../../src/model/index.ts'
import type { RolloutRequest } from '../../src/ports/index.ts'

/** A request to run `node main.js` of an artifact. */
export function requestFor(
  service: string,
  artifact: DesiredService['artifact'],
  change: Omit<Partial<RolloutRequest>, 'desired'> & {
    desired?: Partial<Omit<DesiredService, 'run'>> & { run?: Partial<CommandRun> }
  } = {},
): RolloutRequest {
  const { desired, ...rest } = change
  return {
    service,
    variables: { MESSAGE: 'hello', SECRET: 'correct-horse-battery' },
    strategy: 'half',
    files: async () => new Map(),
    ...rest,
    desired: {
      artifact,
      generation: artifact.slice(7, 27),
      fingerprint: null,
      env: { SECRET: { kind: 'from', from: 'SECRET', secret: true, default: null } },
      ...desired,
      run: {
        command: 'node main.js',
        port: 'PORT',
        health: '/health',
        startTimeoutMs: 30_000,
        drainTimeoutMs: 5000,
        stopTimeoutMs: 3000,
        ...desired?.run,
      },
    },
  }
}

export const shortStart = (request: RolloutRequest, startTimeoutMs = 1500): RolloutRequest => ({
  ...request,
  desired: { ...request.desired, run: { ...commandOf(request), startTimeoutMs } },
})

function commandOf({ desired: { run } }: RolloutRequest): CommandRun {
  assert.ok(run.kind === undefined, 'instances of its own')
  return run
}

export async function getJson(url: string | null, path = '/'): Promise<Record<string, unknown>> {
  assert.ok(url, 'the service has an address')
  const response = await fetch(`${url}${path}`, {
    headers: { connection: 'close' },
    signal: AbortSignal.timeout(10_000),
  })
  assert.equal(response.status, 200)
  const body: unknown = await response.json()
  assert.ok(typeof body === 'object' && body !== null)
  return { ...body }
}
