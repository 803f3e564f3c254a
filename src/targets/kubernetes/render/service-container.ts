/** The one container of a description that Trunkline makes from how a service runs. */
import { type CommandRun, type ContainerRun, type Run, usageError } from '../../../model/index.ts'
import { withExec } from '../../fleet/agent/shell-command.ts'
import type { RenderRequest } from './render-request.ts'

/** What a cluster needs to know of how a service runs. */
export type ClusterRun = {
  /** null: the service serves nothing. */
  port: number | null
  health: string | null
  startTimeoutMs: number
  drainTimeoutMs: number
  stopTimeoutMs: number
  /** Fields of the container that start it. */
  start: { command?: string[]; args?: string[] }
  /** Name of the variable that says the port. */
  portVariable: string | null
}

/** Where a command is told to listen: its container has all ports to itself. */
const commandPort = 8080
/** From SIGTERM to SIGKILL, of containers that say nothing about it. */
const defaultStopTimeoutMs = 10_000

export function clusterRunOf(run: Run): ClusterRun {
  if (run.kind === undefined) return commandRun(run)
  if (run.kind === 'container') return containerRun(run)
  throw usageError('WRONG_PLATFORM', `a cluster runs containers: this service runs as ${run.kind}`, {
    hint: 'give it `run.command` or `run.container` in trunkline.yaml, or a target that runs it',
  })
}

function commandRun({ command, port, health, startTimeoutMs, drainTimeoutMs, stopTimeoutMs }: CommandRun): ClusterRun {
  return {
    ...{ health, startTimeoutMs, drainTimeoutMs, stopTimeoutMs },
    port: port === null ? null : commandPort,
    portVariable: port,
    start: { command: ['/bin/sh', '-c', withExec(command)] },
  }
}

function containerRun({ containerPort, health, args, startTimeoutMs, drainTimeoutMs }: ContainerRun): ClusterRun {
  return {
    ...{ health, startTimeoutMs, drainTimeoutMs },
    stopTimeoutMs: defaultStopTimeoutMs,
    port: containerPort,
    portVariable: null,
    start: args.length === 0 ? {} : { args },
  }
}

/** What every platform's containers have in common; `name` is what the pod calls it. */
export function containerOf({ service, desired, imageOf }: RenderRequest, { start, port, portVariable }: ClusterRun) {
  return {
    name: service,
    image: imageOf(desired.artifact, service),
    ...start,
    ...(port === null || portVariable === null ? {} : { env: [{ name: portVariable, value: String(port) }] }),
    securityContext: { allowPrivilegeEscalation: false },
  }
}

/** Without a path an accepted connection is enough. */
const probeOf = (health: string | null, port: { port?: string }) =>
  health === null ? { tcpSocket: port } : { httpGet: { path: health, ...port } }

const probeSeconds = 2

/**
 * Asked every second while it starts, so that a rollout does not wait for nothing. No liveness probe: a service that is
 * busy would be ended for it.
 */
export function probesOf({ port, health, startTimeoutMs }: ClusterRun, asked: { port?: string }) {
  if (port === null) return {}
  const often = { periodSeconds: 1, timeoutSeconds: 1 }
  return {
    startupProbe: {
      ...probeOf(health, asked),
      ...often,
      failureThreshold: Math.max(1, seconds(startTimeoutMs)),
    },
    readinessProbe: {
      ...probeOf(health, asked),
      periodSeconds: probeSeconds,
      timeoutSeconds: probeSeconds,
      failureThreshold: 3,
    },
  }
}

export const seconds = (milliseconds: number): number => Math.ceil(milliseconds / 1000)
