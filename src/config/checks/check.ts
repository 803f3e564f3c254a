/** What the checks of a whole configuration share: each looks at everything and yields mistakes. */
import type { PlacedMistake } from '../explain-issue.ts'
import type { ProjectDocument } from '../schema/project.ts'
import type { Path } from '../yaml-source.ts'

export type CheckContext = {
  /** What has the right shape. Mistaken parts are missing from it. */
  document: ProjectDocument
  /** Names as the file declares them, whether or not what they name has the right shape. */
  declared: { services: ReadonlySet<string>; environments: ReadonlySet<string>; groups: ReadonlySet<string> }
  /** Keys of the mapping at a path, as the file has them; empty where there is none. */
  keysAt(path: Path): string[]
  /** Whether a file or folder is in the repository; null where nobody can tell. */
  pathExists: ((path: string) => boolean) | null
}

export type Check = (context: CheckContext) => Iterable<PlacedMistake>
