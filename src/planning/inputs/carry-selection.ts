/** A commit beside one that was studied: where only contents of plain files differ, what is selected is the same. */
import type { ListedTree, ObjectId, PathChange, TreeEntry } from '../../model/index.ts'
import { projectFile } from './project-file.ts'
import type { Selection } from './selected-input.ts'

/** Whose content decided what is an input. */
export type KnownContents = { has(oid: ObjectId): boolean }

/**
 * The selection of `tree`, which is what `changes` made of the tree of `selection`, for the same project. null where
 * the changes may have changed what is an input: then it has to be selected anew.
 */
export function carrySelection(
  selection: Selection,
  { tree, changes, contents }: { tree: ListedTree; changes: readonly PathChange[]; contents: KnownContents },
): Selection | null {
  if (!changes.every((change) => isHarmless(change, contents))) return null
  const changed = changes.map((change) => tree.find(change.path))
  const carried = new Map<Selection[string]['inputs'], Selection[string]['inputs']>()
  const carry = (files: Selection[string]['inputs']) => {
    // Services share lists: those of an artifact's owner, those of `prepare`.
    const known = carried.get(files) ?? files.over(tree, changed)
    carried.set(files, known)
    return known
  }
  return Object.fromEntries(
    Object.entries(selection).map(([name, { inputs, checkInputs, deployInputs, prepare, notes }]) => [
      name,
      {
        inputs: carry(inputs),
        checkInputs: carry(checkInputs),
        deployInputs: carry(deployInputs),
        prepare: carry(prepare),
        notes,
      },
    ]),
  )
}

/** Paths and links decide what is an input, and so does the text of files that were read for that. */
const isHarmless = ({ path, from, to }: PathChange, contents: KnownContents): boolean =>
  path !== projectFile && isPlain(from) && isPlain(to) && !contents.has(from.oid) && !contents.has(to.oid)

const isPlain = (entry: TreeEntry | null): entry is TreeEntry =>
  entry !== null && (entry.mode === 'file' || entry.mode === 'executable')
