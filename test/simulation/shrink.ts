/** Makes a failing story as short as it can be while it still fails in the same way. */
import { checkHistory, type Violation } from './checkers/index.ts'
import { simulateHistory } from './simulate-history.ts'
import { calm, noFate, type Story } from './story.ts'

/** Stories tried at most; each takes some milliseconds. */
const maxTries = 1500

export function violationsOf(story: Story): Violation[] {
  return checkHistory(simulateHistory(story))
}

/** The kind of a violation, without what differs from run to run. */
export const kindOf = ({ invariant, text }: Violation): string =>
  `${invariant} ${text.replaceAll(/[0-9a-f]{6,}|\d+/g, '#').slice(0, 60)}`

export function shrink(story: Story, fails: (story: Story) => boolean = failsLike(story)): Story {
  let best = story
  let tries = 0
  const attempt = (candidate: Story): boolean => {
    if (tries++ >= maxTries || !fails(candidate)) return false
    best = candidate
    return true
  }
  for (let isShorter = true; isShorter && tries < maxTries; ) {
    const before = JSON.stringify(best).length
    attempt({ ...best, rates: calm })
    attempt({ ...best, variety: 0 })
    dropSome(best.faults, (faults) => attempt({ ...best, faults }))
    dropSome(best.actions, (actions) => attempt({ ...best, actions }))
    for (const [index, { fate }] of best.actions.entries()) {
      if (fate === noFate) continue
      const withFate = (changed: typeof fate) => ({
        ...best,
        actions: best.actions.map((action, at) => (at === index ? { ...action, fate: changed } : action)),
      })
      if (attempt(withFate(noFate))) continue
      if (fate.sleeps !== null) attempt(withFate({ ...fate, sleeps: null }))
      if (fate.diesAfterMs !== null) attempt(withFate({ ...fate, diesAfterMs: null }))
      if (fate.cancelledAfterMs !== null) attempt(withFate({ ...fate, cancelledAfterMs: null }))
    }
    isShorter = JSON.stringify(best).length < before
  }
  return best
}

/** Whether a story shows one of the violations of the first. */
function failsLike(story: Story): (candidate: Story) => boolean {
  const wanted = new Set(violationsOf(story).map(kindOf))
  return (candidate) => violationsOf(candidate).some((violation) => wanted.has(kindOf(violation)))
}

/** Tries without halves, quarters, … of the list, down to single items. */
function dropSome<Item>(items: readonly Item[], attempt: (kept: Item[]) => boolean): void {
  let kept = [...items]
  for (
    let size = Math.ceil(kept.length / 2);
    size >= 1 && kept.length > 0;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let start = kept.length - size; start > -size; start -= size) {
      const from = Math.max(0, start)
      const fewer = [...kept.slice(0, from), ...kept.slice(from + size)]
      if (fewer.length < kept.length && attempt(fewer)) kept = fewer
    }
  }
}
