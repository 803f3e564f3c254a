/** Which files of a build go into an artifact. */
import { patternsSchema } from './input.ts'
import { pathSchema } from './path.ts'
import { mustBe } from './shapes.ts'

/** Never part of an artifact by default: git's own files, and artifacts the build started from. */
export const excludedByDefault = ['.git/**', '.trunkline/**']

export const filesShape = {
  from: pathSchema
    .optional()
    .describe(
      "Folder of the build directory that `include` and `exclude` are relative to, and where the artifact's own paths start. Default: the service's `path`; `.` is the whole build directory.",
    ),
  include: patternsSchema
    .min(1, { error: mustBe('a list of at least one path or pattern') })
    .prefault(['**'])
    .describe('Files below `from` that go in.'),
  exclude: patternsSchema.prefault(excludedByDefault).describe('Of these, the ones that stay out.'),
}
