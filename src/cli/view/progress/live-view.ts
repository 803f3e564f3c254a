/** The live view: draws the picture on a terminal as things happen, and leaves the summary when they are over. */
import type { Clock } from '../../../ports/index.ts'
import { createRegion } from '../region.ts'
import { type Style, styleOf } from '../text/index.ts'
import type { ProgressView } from '../types.ts'
import { drawPicture } from './picture.ts'
import { applyProgress, startProgress } from './progress-state.ts'
import { renderSummary } from './summary.ts'

export type LiveViewOptions = {
  /** Standard error, which must be a terminal. */
  stream: NodeJS.WriteStream
  environment: NodeJS.ProcessEnv
  clock: Pick<Clock, 'now'>
  /** First words of the picture: `Delivering`, `Rolling back prod to`. */
  title: string
}

/** A calm spinner; log lines between two beats show only by their last. */
const beatMs = 120

export function createLiveView({ stream, environment, clock, title }: LiveViewOptions): ProgressView {
  const region = createRegion(stream)
  const state = startProgress(clock.now())
  let beat = 0
  let isOver = false

  const style = (): Style => styleOf(stream, environment)

  const draw = () => {
    // The line below the picture, where the cursor rests, is one of the terminal's rows.
    const rows = Math.max(1, (stream.rows || 24) - 1)
    region.draw(drawPicture(state, { nowMs: clock.now(), beat }, style(), { title, rows }))
  }

  const timer = setInterval(() => {
    beat += 1
    draw()
  }, beatMs)
  // Watching must not keep a process alive that has nothing left to do.
  timer.unref()
  stream.on('resize', draw)

  return {
    show(event) {
      if (isOver) return
      applyProgress(state, event, clock.now())
      // Output comes by the thousand lines: those wait for the next beat.
      if (event.kind !== 'step-log') draw()
    },
    end(result) {
      if (isOver) return
      isOver = true
      clearInterval(timer)
      stream.off('resize', draw)
      if (result === null) {
        draw()
        region.leave()
        return
      }
      region.clear()
      stream.write(`${renderSummary(state, result, clock.now(), style()).join('\n')}\n`)
    },
  }
}
