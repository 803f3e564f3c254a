/**
 * nginx as the router. Its open version takes no orders at run time: each service gets a file with an `upstream` block
 * that the team's own configuration includes and passes requests to; a change is written, tested and reloaded. Workers
 * of before finish what they have, so a drained backend is let go of when the last of them has ended.
 */
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { erroredError, type RouterConfig } from '../../../model/index.ts'
import { runProcess } from '../../../process/index.ts'
import type { BackendSpec, ServiceSpec } from '../router/index.ts'
import { ownerOf, upstreamFile } from './nginx-upstream.ts'
import { isWorkerAlive, isWorkerEnding, workersOf } from './nginx-workers.ts'
import { addressIn, type RouterSurroundings } from './router-surroundings.ts'
import type { RoutedBackend, RoutedService, ServiceRouter } from './service-router.ts'
import { WatchedBackends } from './watched-backends.ts'

export type NginxConfig = Extract<RouterConfig, { kind: 'nginx' }>

const commandTimeoutMs = 30_000
/** From the reload command's end until the first new worker is there. */
const takeEffectMs = 15_000
const lookEveryMs = 20
/** Instances that may still have requests though nothing is told of them any more. */
const maxLeaving = 100

type Published = {
  name: string
  spec: ServiceSpec
  /** No longer told of, and perhaps not without requests yet. */
  leaving: BackendSpec[]
  /** Backends in the file now. */
  inFile: Set<string>
  /** Backends that were, with the workers that may still have requests for them; null: workers cannot be seen. */
  carriers: Map<string, Set<string> | null>
}

export function nginxRouter(config: NginxConfig, { fleet, environment, log }: RouterSurroundings): ServiceRouter {
  const services = new Map<string, Published>()
  const watched = new WatchedBackends((key) => {
    void inTurn(async () => {
      const published = services.get(key)
      if (published) await publish(key, published)
    }).catch((error: Error) => log(`telling nginx about ${key}: ${error.message}`))
  })
  let turn: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(change: () => Promise<T>): Promise<T> => {
    const result = turn.then(change)
    turn = result.catch(() => {})
    return result
  }
  const pathOf = (name: string) => join(config.directory, `${name}.conf`)

  const run = async (argv: readonly string[], code: string, what: string): Promise<void> => {
    const [program = 'nginx', ...parameters] = argv
    const end = await runProcess({
      argv: [program, ...parameters],
      env: environment,
      timeoutMs: commandTimeoutMs,
    }).catch((cause: Error) => {
      throw erroredError(code, `${what}: ${cause.message}`, { cause })
    })
    if (end.kind === 'exited' && end.exitCode === 0) return
    const said = sentenceOf(`${end.stderr}\n${end.stdout.toString('utf8')}`)
    throw erroredError(code, `${what}: ${said || `\`${argv.join(' ')}\` ended with ${end.exitCode}`}`, {
      hint: `\`${argv.join(' ')}\` shows it in full. Nothing was changed.`,
    })
  }

  const reload = async (): Promise<Set<string> | null> => {
    const before = workersOf(config.pidFile)
    await run(config.reload, 'NGINX_RELOAD', 'nginx could not be reloaded')
    if (before === null) return null
    const deadlineMs = performance.now() + takeEffectMs
    while (!hasTakenEffect(before, workersOf(config.pidFile))) {
      if (performance.now() > deadlineMs) {
        throw erroredError('NGINX_RELOAD', 'nginx was told to reload and has not done so', {
          hint: 'Its error log says why.',
        })
      }
      await sleep(lookEveryMs)
    }
    return before
  }

  /** Writes the file and makes it count; where nginx refuses, the file of before is there again. */
  const write = async (path: string, text: string | null): Promise<Set<string> | null> => {
    const before = readIfThere(path)
    replace(path, text)
    try {
      await run(config.test, 'NGINX_CONFIG', 'nginx refuses its configuration')
      return await reload()
    } catch (cause) {
      replace(path, before)
      throw cause
    }
  }

  const publish = async (key: string, published: Published): Promise<void> => {
    const { name, spec, carriers } = published
    const chosen = watched.chosenOf(key, spec)
    const text = upstreamFile({ name, key, fleet, backends: chosen })
    const path = pathOf(name)
    const known = readIfThere(path)
    if (known !== null && (ownerOf(known)?.key !== key || ownerOf(known)?.fleet !== fleet)) throw foreignFile(path)
    const now = new Set(chosen.map(addressOf))
    if (known !== text) {
      const workers = await write(path, text)
      for (const address of published.inFile) if (!now.has(address)) carriers.set(address, workers)
    }
    for (const address of now) carriers.delete(address)
    published.inFile = now
  }

  const inFlight = (published: Published, address: string): number | null => {
    if (published.inFile.has(address)) return null
    const carriers = published.carriers.get(address)
    if (carriers === undefined) return 0
    if (carriers === null || [...carriers].some(isWorkerAlive)) return null
    published.carriers.delete(address)
    return 0
  }

  const statusOf = (key: string, published: Published): RoutedService => ({
    key,
    listen: addressIn(published.spec, published.name),
    deleted: false,
    backends: [
      ...published.spec.backends.map((backend) => backendStatus(key, published, backend)),
      ...published.leaving
        .map((backend) => backendStatus(key, published, backend))
        .filter(({ inFlight }) => inFlight !== 0),
    ],
  })

  const backendStatus = (key: string, published: Published, backend: BackendSpec): RoutedBackend => {
    const address = addressOf(backend)
    const accepting = published.inFile.has(address)
    return {
      id: backend.id,
      state: watched.stateOf(key, backend.id),
      accepting,
      inFlight: inFlight(published, address),
    }
  }

  return {
    // Not in turn: a reload takes its time, and instances are looked after meanwhile.
    services: async () => [
      ...[...services].map(([key, published]) => statusOf(key, published)),
      ...leftBehind(config.directory, fleet).filter(({ key }) => !services.has(key)),
    ],
    put: (key, spec, name) =>
      inTurn(async () => {
        addressIn(spec, name)
        const known = services.get(key)
        const published: Published =
          known?.name === name
            ? { ...known, spec, leaving: leftBy(known, spec), carriers: new Map(known.carriers) }
            : { name, spec, leaving: [], inFile: new Set(), carriers: carriersAfterRestart(config.pidFile, spec) }
        // What is new is looked at from now on; who is no longer told of is let go when this has worked.
        watched.watch(key, [
          ...spec.backends,
          ...(known?.spec.backends ?? []).filter((old) => !isIn(old, spec.backends)),
        ])
        await publish(key, published)
        watched.watch(key, spec.backends)
        services.set(key, published)
        if (known && known.name !== name) await removeFile(pathOf(known.name))
        return statusOf(key, published)
      }),
    remove: (key) =>
      inTurn(async () => {
        const name =
          services.get(key)?.name ?? leftBehind(config.directory, fleet).find((left) => left.key === key)?.name
        if (name !== undefined) await removeFile(pathOf(name), write)
        services.delete(key)
        watched.forget(key)
      }),
    close: () => watched.close(),
  }

  /**
   * A configuration of the team may still name the upstream, and would not be valid without it: then an empty one
   * stays.
   */
  async function removeFile(path: string, change = write): Promise<void> {
    const text = readIfThere(path)
    const owner = text === null ? null : ownerOf(text)
    if (text === null || owner === null) return
    const name = /^upstream (\S+) \{/m.exec(text)?.[1] ?? owner.key
    await change(path, null).catch(() => change(path, upstreamFile({ name, ...owner, backends: [] })))
  }
}

const addressOf = ({ host, port }: Pick<BackendSpec, 'host' | 'port'>): string => `${host} ${port}`

const isIn = ({ id }: BackendSpec, backends: readonly BackendSpec[]): boolean => backends.some((each) => each.id === id)

/** Earlier backends that are not in the new specification. */
const leftBy = (known: { spec: ServiceSpec; leaving: BackendSpec[] }, { backends }: ServiceSpec): BackendSpec[] =>
  [...known.spec.backends, ...known.leaving].filter((before) => !isIn(before, backends)).slice(0, maxLeaving)

/** An agent that has just begun does not know what was drained before: old workers may have requests for any of it. */
function carriersAfterRestart(pidFile: string, { backends }: ServiceSpec): Published['carriers'] {
  const workers = workersOf(pidFile)
  const drained = backends.filter(({ drain }) => drain)
  return new Map(
    drained.map((backend) => [
      addressOf(backend),
      workers === null ? null : new Set([...workers].filter(isWorkerEnding)),
    ]),
  )
}

/** There are workers of the new configuration, and those of the old one accept no more. */
const hasTakenEffect = (before: ReadonlySet<string>, now: ReadonlySet<string> | null): boolean =>
  [...(now ?? [])].some((worker) => !before.has(worker)) && [...before].every(isWorkerEnding)

/** Services of this fleet whose files are there from an earlier agent. */
function leftBehind(directory: string, fleet: string): Array<RoutedService & { name: string }> {
  let names: string[]
  try {
    names = readdirSync(directory).filter((name) => name.endsWith('.conf'))
  } catch {
    return []
  }
  return names.flatMap((file) => {
    const text = readIfThere(join(directory, file)) ?? ''
    const owner = ownerOf(text)
    // An empty one stays where the team's configuration names it: it is no service.
    if (owner === null || owner.fleet !== fleet || text.includes('nothing serves yet')) return []
    const name = file.slice(0, -'.conf'.length)
    return [{ key: owner.key, name, listen: { host: '', port: 0 }, deleted: false, backends: [] }]
  })
}

function foreignFile(path: string) {
  return erroredError('NGINX_FILE', `${path} is not this fleet's: Trunkline leaves it alone`, {
    hint: 'Choose another `upstream` name, or another directory.',
  })
}

/** Whole or not at all; null: gone. */
function replace(path: string, text: string | null): void {
  try {
    if (text === null) {
      rmSync(path, { force: true })
    } else {
      // Not a `.conf`: nginx would read it, should it be reloaded by someone else meanwhile.
      writeFileSync(`${path}.new`, text, { mode: 0o644 })
      renameSync(`${path}.new`, path)
    }
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const why = { EACCES: 'permission denied', ENOENT: 'the directory does not exist' }[code ?? ''] ?? message
    throw erroredError('NGINX_DIRECTORY', `cannot write ${path}: ${why}`, {
      hint: 'The user that runs the agent must be able to write there; nginx includes `*.conf` of it.',
      cause,
    })
  }
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

/** nginx says several lines: the one that is an error. */
function sentenceOf(output: string): string {
  const lines = output.split('\n').map((line) => line.trim())
  const line = lines.find((each) => /\[(?:emerg|error|alert|crit)\]/.test(each)) ?? lines.find((each) => each !== '')
  return (line ?? '').replace(/^.*?\[(?:emerg|error|alert|crit)\]\s*(?:\d+#\d+:\s*)?/, '').slice(0, 500)
}
