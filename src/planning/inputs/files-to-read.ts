/** Which contents the selection of inputs needs: few, and asked for in as few batches as can be. */
import type { Project, Tree, TreeEntry } from '../../model/index.ts'
import type { InferenceRule } from './claim.ts'
import { type CommitView, createCommitView, type FileContents } from './commit-view.ts'
import { createInference } from './infer-inputs.ts'

/**
 * How often a caller reads and asks again. What one file names is read in the next round: three rounds are the rule,
 * chains of Go packages in very large modules may take more. What is missing after that is a note, not an error.
 */
export const maximumReadRounds = 24

/** Links in a tree beyond this number are not followed. */
const maximumLinks = 10_000

/**
 * Files whose content `selectInputs` needs and that `alreadyRead` does not have. The caller reads them in one batch,
 * adds them and asks again, until the answer is empty (or `maximumReadRounds` is reached).
 */
export function filesToRead(project: Project, tree: Tree, alreadyRead: FileContents = new Map()): TreeEntry[] {
  const view = createCommitView(tree, alreadyRead)
  wantKnownFiles(view, project)
  const infer = createInference(view, project)
  for (const service of Object.values(project.services)) infer(service)
  if (view.wanted.size === 0) completeReadings.set(alreadyRead, { project, tree, size: alreadyRead.size, view, infer })
  return [...view.wanted].sort((left, right) => left - right).map(view.entry)
}

/** A commit read to the end: what its files say about every service is known. */
export type CompleteReading = { view: CommitView; infer: InferenceRule }

const completeReadings = new WeakMap<FileContents, CompleteReading & { project: Project; tree: Tree; size: number }>()

/** What the last round of `filesToRead` found out over the same contents, so that selection need not infer it again. */
export function readingOf(project: Project, tree: Tree, contents: FileContents): CompleteReading {
  const known = completeReadings.get(contents)
  if (known?.project === project && known.tree === tree && known.size === contents.size) return known
  const view = createCommitView(tree, contents)
  return { view, infer: createInference(view, project) }
}

/** What is needed whatever the rules find: links, and files of which only some keys count. */
function wantKnownFiles(view: CommitView, project: Project): void {
  for (const position of view.symlinks.slice(0, maximumLinks)) view.want(position)
  const inputs = [...project.shared, ...Object.values(project.services).flatMap((service) => service.inputs)]
  for (const { pattern, keys } of inputs) {
    if (keys === undefined) continue
    for (const position of view.match(pattern)) {
      const { mode } = view.entry(position)
      if (mode === 'file' || mode === 'executable') view.want(position)
    }
  }
}
