/** A demo is a story: chapters that each do something real and say what must be true afterwards. */
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
  /** Environments under load, each by the service that faces people. */
  frontDoor: { service: string; path: string }
  /** Variables of the process that delivers, as the example's README asks for them; `folder` is the story's to use. */
  variables(folder: string): Record<string, string>
  chapters: Chapter[]
}

/** Something the story promised did not hold. */
export class ChapterBroken extends Error {
  override readonly name = 'ChapterBroken'
}

export function expect(holds: boolean, promise: string): asserts holds {
  if (!holds) throw new ChapterBroken(promise)
}
