/** Chooses how progress is shown. Light on purpose: it is loaded by every command, the views only where they show something. */
import type { Clock } from '../../ports/index.ts'
import { ciOf } from './progress/ci.ts'
import { createSilentView } from './progress/silent-view.ts'
import { styleOf } from './text/style.ts'
import type { ProgressView } from './types.ts'

export type ProgressViewOptions = {
  /** Where progress goes: standard error. */
  stream: NodeJS.WriteStream
  environment: NodeJS.ProcessEnv
  clock: Pick<Clock, 'now'>
  title: string
  json: boolean
}

/** The view that suits: none for `--json`, a live picture on a terminal, plain lines in CI and pipes. */
export async function openProgressView(options: ProgressViewOptions): Promise<ProgressView> {
  const { stream, environment, clock, title } = options
  if (options.json) return createSilentView()
  const ci = ciOf(environment)
  const isLive = stream.isTTY === true && environment['TERM'] !== 'dumb' && !environment['CI'] && ci === 'other'
  if (!isLive) {
    const { createPlainView } = await import('./progress/plain-view.ts')
    return createPlainView({
      write: (text) => void stream.write(text),
      style: plainStyle(stream, environment),
      ci,
      clock,
      verbose: Boolean(environment['TRUNKLINE_VERBOSE']),
    })
  }
  const { createLiveView } = await import('./progress/live-view.ts')
  return createLiveView({ stream, environment, clock, title })
}

/** A CI's log is read in a browser that shows colours, though its stream is no terminal. */
function plainStyle(stream: NodeJS.WriteStream, environment: NodeJS.ProcessEnv) {
  const style = styleOf(stream, environment)
  const isBrowser =
    ciOf(environment) !== 'other' && !environment['NO_COLOR'] && environment['FORCE_COLOR'] === undefined
  return { ...style, colour: style.colour || isBrowser, width: Number.POSITIVE_INFINITY }
}
