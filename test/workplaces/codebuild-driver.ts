/**
 * What AWS does for a build and moto does not: runs its commands, writes what they say to CloudWatch Logs, and says how
 * it ended. Programs are this machine's, and `trunkline` is this checkout's.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs'
import type { AwsPart } from '../parts/aws/aws.ts'
import { trunklineProgram } from '../system/project-under-test.ts'

export type CodeBuildDriver = {
  /** Builds in the order in which they were started. */
  started: StartedBuild[]
  running(): string[]
  stop(): Promise<void>
}

export type StartedBuild = {
  id: string
  environmentVariablesOverride: Array<{ name: string; value: string; type: string }>
  buildspecOverride: string
  /** Everything its commands said. */
  said: string
}

export type DriverOptions = {
  aws: AwsPart
  /** The project's own variables. */
  environment?: Record<string, string>
}

const pollMs = 200

export async function startCodeBuildDriver({ aws, environment = {} }: DriverOptions): Promise<CodeBuildDriver> {
  const root = await mkdtemp(join(tmpdir(), 'trunkline-codebuild-'))
  const logs = new CloudWatchLogsClient({ endpoint: aws.endpoint, region: aws.region, credentials: keysOf(aws) })
  const started: StartedBuild[] = []
  const children = new Map<string, ChildProcess>()
  const playing: Promise<void>[] = []
  let isOver = false
  let problem: unknown = null
  const note = (error: unknown) => {
    problem ??= error
  }

  async function look(): Promise<void> {
    const told = (await aws.told('codebuild')) as Array<Partial<StartedBuild> & { stopped?: string }> // By plus/codebuild.py.
    for (const { stopped, id, ...given } of told) {
      if (stopped !== undefined) end(children.get(stopped), 'SIGTERM')
      if (id === undefined || started.some((known) => known.id === id)) continue
      const build = { environmentVariablesOverride: [], buildspecOverride: '', ...given, id, said: '' }
      started.push(build)
      playing.push(play(build).catch(note))
    }
  }

  async function play(build: StartedBuild): Promise<void> {
    const [project = '', logStreamName = ''] = build.id.split(':')
    const logGroupName = `/aws/codebuild/${project}`
    await logs.send(new CreateLogGroupCommand({ logGroupName })).catch(() => {})
    await logs.send(new CreateLogStreamCommand({ logGroupName, logStreamName }))
    const write = async (message: string) => {
      const logEvents = [{ timestamp: Date.now(), message: `${message}\n` }]
      await logs.send(new PutLogEventsCommand({ logGroupName, logStreamName, logEvents }))
    }
    await write('[Container] 2026/01/01 00:00:00.000000 Entering phase BUILD')
    const { phases } = JSON.parse(build.buildspecOverride) as { phases: { build: { commands: string[] } } }
    const child = spawn('/bin/sh', ['-e', '-c', phases.build.commands.join('\n')], {
      cwd: root,
      env: {
        ...Object.fromEntries(build.environmentVariablesOverride.map(({ name, value }) => [name, value])),
        ...{
          ...aws.environment,
          ...environment,
          CODEBUILD_BUILD_ID: build.id,
          TRUNKLINE_HOME: join(root, logStreamName),
        },
        PATH: [dirname(trunklineProgram), dirname(process.execPath), process.env['PATH']].join(delimiter),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
      // Ended as a whole, as AWS ends a container.
      detached: true,
    })
    children.set(build.id, child)
    const exit = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)))
    if (child.stdout === null) throw new Error('its output is a pipe')
    for await (const line of createInterface({ input: child.stdout })) {
      build.said += `${line}\n`
      await write(line)
    }
    const exitCode = await exit
    children.delete(build.id)
    await write('[Container] 2026/01/01 00:00:00.000000 Phase complete: POST_BUILD State: SUCCEEDED')
    const contexts = [
      { statusCode: 'COMMAND_EXECUTION_ERROR', message: `Error while executing command: exit status ${exitCode}` },
    ]
    const phase = { phaseType: 'BUILD', phaseStatus: 'FAILED', contexts }
    await aws.wish('codebuild', { [build.id]: exitCode === 0 ? { status: 'SUCCEEDED' } : { status: 'FAILED', phase } })
  }

  const looking = (async () => {
    while (!isOver) {
      await look()
      await sleep(pollMs)
    }
  })().catch(note)
  return {
    started,
    running: () => [...children.keys()],
    async stop() {
      isOver = true
      await looking
      for (const child of children.values()) end(child, 'SIGKILL')
      await Promise.all(playing)
      logs.destroy()
      await rm(root, { recursive: true, force: true })
      if (problem !== null) throw problem
    },
  }
}

function end(child: ChildProcess | undefined, signal: NodeJS.Signals): void {
  if (child?.pid !== undefined && child.exitCode === null) process.kill(-child.pid, signal)
}

const keysOf = ({ environment }: AwsPart) => ({
  accessKeyId: environment['AWS_ACCESS_KEY_ID'] ?? '',
  secretAccessKey: environment['AWS_SECRET_ACCESS_KEY'] ?? '',
})
