/** From the start of a build to its end, with its output on the way. */
import { CloudWatchLogsClient, GetLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs'
import { BatchGetBuildsCommand, type Build, CodeBuildClient } from '@aws-sdk/client-codebuild'
import { type Aws, withPatience } from '../../aws/index.ts'
import { erroredError, type TrunklineError } from '../../model/index.ts'
import type { Clock } from '../../ports/index.ts'

export type FollowedBuild = {
  aws: Aws
  clock: Clock
  id: string
  title: string
  log(line: string): void
  signal: AbortSignal
}

const firstPauseMs = 500
const maxPauseMs = 5000
/** After the end of a build: for the last of its output, which comes a little later. */
const lastWordsMs = 5000
/** Pages of output read at a time: the end of a build must not wait for gigabytes. */
const maxPages = 200

/** Answers what to throw where the build left no outcome. */
export async function followBuild(followed: FollowedBuild): Promise<TrunklineError> {
  const { aws, clock, id, title, signal } = followed
  const client = aws.client(CodeBuildClient)
  const output = createOutput(followed)
  let pauseMs = firstPauseMs
  const read = async () => await aws.send(client, new BatchGetBuildsCommand({ ids: [id] }), { signal })
  const { look } = withPatience(read, { what: `the build of ${title}`, clock, log: followed.log })
  for (;;) {
    const answer = await look()
    if (answer === null) {
      await clock.sleep(maxPauseMs, signal)
      continue
    }
    const [build] = answer.builds ?? []
    if (build === undefined) return erroredError('WORK_LOST', `${title} is gone: someone deleted the build ${id}`)
    const hasSpoken = await output.read(build)
    if (build.buildStatus !== 'IN_PROGRESS') {
      const deadline = clock.monotonicMs() + lastWordsMs
      while (!output.isComplete() && clock.monotonicMs() < deadline) {
        await clock.sleep(firstPauseMs, signal)
        await output.read(build)
      }
      return faultOfBuild(title, build)
    }
    pauseMs = hasSpoken ? firstPauseMs : Math.min(maxPauseMs, pauseMs * 1.5)
    await clock.sleep(pauseMs, signal)
  }
}

/** CodeBuild's own words between those of the worker. */
const own = /^\[Container\] \d{4}\/\d\d\/\d\d /
/** The last of them. */
const lastPhase = /^\[Container\] .*Phase complete: POST_BUILD/

function createOutput({ aws, log, signal }: FollowedBuild) {
  const client = aws.client(CloudWatchLogsClient)
  let token: string | undefined
  let isComplete = false

  /** Whether there was more. */
  async function readPage(logGroupName: string, logStreamName: string): Promise<boolean> {
    const page = new GetLogEventsCommand({
      ...{ logGroupName, logStreamName, startFromHead: true },
      ...(token === undefined ? {} : { nextToken: token }),
    })
    const { events = [], nextForwardToken } = await aws.send(client, page, { signal })
    for (const { message = '' } of events) {
      for (const line of message.replace(/\n$/, '').split('\n')) {
        if (lastPhase.test(line)) isComplete = true
        if (!own.test(line)) log(line)
      }
    }
    const isEnd = nextForwardToken === undefined || nextForwardToken === token
    token = nextForwardToken
    return !isEnd
  }

  return {
    isComplete: () => isComplete,
    async read({ logs }: Build): Promise<boolean> {
      const { groupName, streamName } = logs ?? {}
      if (!groupName || !streamName) {
        isComplete ||= logs?.cloudWatchLogs?.status === 'DISABLED'
        return false
      }
      let hasSpoken = false
      try {
        for (let page = 0; page < maxPages && (await readPage(groupName, streamName)); page += 1) hasSpoken = true
      } catch (error) {
        signal.throwIfAborted()
        // No word yet, or not for us to hear: an outcome has the last lines, too.
        if (!aws.isError(error, 'ResourceNotFoundException')) isComplete = true
      }
      return hasSpoken
    },
  }
}

/** Pure. None of it is a verdict on the commit. */
export function faultOfBuild(title: string, { id, buildStatus, phases = [] }: Build): TrunklineError {
  const broken = phases.find(({ phaseStatus }) => phaseStatus !== undefined && phaseStatus !== 'SUCCEEDED')
  const said = (broken?.contexts ?? []).flatMap(({ statusCode, message }) =>
    message ? [`${statusCode ? `${statusCode}: ` : ''}${message}`] : [],
  )
  const who = `${title} (CodeBuild ${id})`
  const why = said.length === 0 ? '' : `: ${said.join('; ')}`
  if (buildStatus === 'TIMED_OUT') {
    return broken?.phaseType === 'QUEUED'
      ? erroredError('WORK_CANNOT_START', `${who} waited too long in the queue`, {
          hint: 'raise `startTimeout` under builds.on, or how many builds the account may run at a time',
        })
      : erroredError('WORK_TIMED_OUT', `${who} ran past its deadline${why}`)
  }
  if (broken?.phaseType === 'PROVISIONING' || broken?.phaseType === 'QUEUED') {
    return erroredError('WORK_CANNOT_START', `${who} cannot start${why}`, {
      hint: 'may the project pull its image, and has its network a way out?',
    })
  }
  if (buildStatus === 'STOPPED') return erroredError('WORK_LOST', `${who} was stopped by someone`)
  return erroredError('WORK_LOST', `${who} ended ${buildStatus} and left no outcome${why}`, {
    hint: 'has its image `trunkline` on the PATH, and may its role read and write the artifact store?',
  })
}
