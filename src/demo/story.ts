/** A demo is a story: chapters that each do something real and say what must be true afterwards. */
import type { Lab, LabPart } from './lab.ts'
import type { Playground } from './playground.ts'

export type Chapter = {
  /** As in `--json` and in the list of chapters. */
  name: string
  /** What happens and why it matters, in a sentence or two. */
  tells: string
  /** Does it; answers what a viewer should see. Throws `ChapterBroken` where something does not hold. */
  run(playground: Playground): Promise<string[]>
}

export type Story = {
  /** Folder under `examples/`. */
  example: string
  title: string
  /** Where it plays, in one line. */
  scene: string
  /** Parts that it needs beside Node, npm and git. */
  lab?: readonly LabPart[]
  /** What else it can be told with where not all of these are on this machine, the best first; what is missing is said. */
  labElse?: ReadonlyArray<readonly LabPart[]>
  /** The branch of the first commit; default: `main`. */
  branch?: string
  /** The environments that a change sees first and last. */
  route: { first: string; last: string }
  /** Environments under load, each by the service that faces people; null where nothing can be asked. */
  frontDoor: { service: string; path: string } | null
  /** Where the front door of an environment is, for targets that know no addresses of services. */
  doors?(): Record<string, string>
  /** What else may be looked at once all is told: names and addresses. */
  sights?(): Promise<Record<string, string>>
  /** Variables of the process that delivers, as the example's README asks for them; `folder` is the story's to use. */
  variables(folder: string, lab: Lab | null): Record<string, string> | Promise<Record<string, string>>
  /** What has to be changed in the example for this machine, before its first commit. */
  fit?(playground: Playground): Promise<void>
  /** Ends what it started itself. */
  end?(): Promise<void>
  chapters: Chapter[]
}

/** Something the story promised did not hold. */
export class ChapterBroken extends Error {
  override readonly name = 'ChapterBroken'
}

export function expect(holds: boolean, promise: string): asserts holds {
  if (!holds) throw new ChapterBroken(promise)
}
