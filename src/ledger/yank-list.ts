/** Pure: the list of bans, and how one more word changes it. */
import type { Yank } from '../model/index.ts'

/** What is banned: a release's id or an artifact's digest. */
export const subjectKey = (yank: Yank): string =>
  yank.subject.kind === 'release' ? yank.subject.release : yank.subject.artifact

/** One entry a subject: the newest word counts, failed views add up, an unyank is counted. */
export function mergeYank(known: readonly Yank[], next: Yank): Yank[] {
  const previous = known.find((yank) => subjectKey(yank) === subjectKey(next))
  const others = known.filter((yank) => yank !== previous)
  if (previous === undefined) return [...others, next]
  const unyanks = previous.unyanks + (previous.yanked && !next.yanked ? 1 : 0)
  const subject =
    next.subject.kind === 'release' && previous.subject.kind === 'release'
      ? {
          ...next.subject,
          views: next.yanked
            ? [
                ...previous.subject.views,
                ...next.subject.views.filter((view) =>
                  (previous.subject.kind === 'release' ? previous.subject.views : []).every(
                    (seen) => seen.environment !== view.environment || seen.view !== view.view,
                  ),
                ),
              ]
            : [],
        }
      : next.subject
  return [...others, { ...next, subject, unyanks }]
}
