/** What a container of a test's cluster has written: told by annotations of its pod, else by what becomes of it. */
import type { KubernetesObject } from './api.ts'

export type LogLine = { at: Date; text: string }

/** What can be read of a container now. */
export type ContainerLog =
  | { state: 'refused'; reason: string }
  /** `more` where it still runs, so that a follower waits on. */
  | { state: 'readable'; lines: LogLine[]; more: boolean }

type ContainerStatus = {
  name: string
  state?: {
    waiting?: { reason: string }
    running?: { startedAt: string }
    terminated?: { startedAt: string; exitCode: number }
  }
  lastState?: { terminated?: { startedAt: string; exitCode: number } }
}

/**
 * `trunkline.test/log` (or `trunkline.test/log.<container>`) has the lines; with `trunkline.test/log-interval: 200ms`
 * each comes that much after the one before.
 */
export function readContainerLog(pod: KubernetesObject, container: string, previous: boolean, now: Date): ContainerLog {
  const { name } = pod.metadata
  const statuses: ContainerStatus[] = [
    ...(pod['status']?.containerStatuses ?? []),
    ...(pod['status']?.initContainerStatuses ?? []),
  ]
  const status = statuses.find((each) => each.name === container)
  const last = status?.lastState?.terminated
  if (previous) {
    return last === undefined
      ? refused(`previous terminated container "${container}" in pod "${name}" not found`)
      : readable(pod, container, last, now)
  }
  const { waiting, running, terminated } = status?.state ?? {}
  if (running !== undefined) return readable(pod, container, running, now)
  if (terminated !== undefined) return readable(pod, container, terminated, now)
  if (last !== undefined) return readable(pod, container, last, now)
  return refused(`container "${container}" in pod "${name}" is waiting to start: ${explained(waiting?.reason)}`)
}

const refused = (reason: string): ContainerLog => ({ state: 'refused', reason })

const explained = (reason = 'ContainerCreating') =>
  ({ ImagePullBackOff: 'trying and failing to pull image' })[reason] ?? reason

function readable(
  pod: KubernetesObject,
  container: string,
  run: { startedAt: string; exitCode?: number },
  now: Date,
): ContainerLog {
  const annotations = pod.metadata.annotations ?? {}
  const text = annotations[`trunkline.test/log.${container}`] ?? annotations['trunkline.test/log']
  const lines = text?.replace(/\n$/, '').split('\n') ?? defaultLines(pod, container, run.exitCode)
  const interval = milliseconds(annotations['trunkline.test/log-interval'])
  const start = Date.parse(run.startedAt)
  const dated = lines.map((line, index) => ({ at: new Date(start + (index + 1) * interval), text: line }))
  const ended = run.exitCode !== undefined
  return { state: 'readable', lines: ended ? dated : dated.filter(({ at }) => at <= now), more: !ended }
}

function defaultLines(pod: KubernetesObject, container: string, exitCode: number | undefined): string[] {
  const containers: Array<{ name: string; image: string }> = [
    ...pod['spec'].containers,
    ...(pod['spec'].initContainers ?? []),
  ]
  const begin = `starting ${containers.find(({ name }) => name === container)?.image}`
  if (exitCode === undefined) return [begin, 'ready']
  return exitCode === 0 ? [begin, 'done'] : [begin, `fatal: this release cannot start (exit code ${exitCode})`]
}

function milliseconds(duration = '0'): number {
  const [, amount = '0', unit = 'ms'] = /^([\d.]+)(ms|s|m)?$/.exec(duration) ?? []
  return Number(amount) * ({ ms: 1, s: 1000, m: 60_000 }[unit] ?? 1)
}
