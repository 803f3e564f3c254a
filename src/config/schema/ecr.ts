/** Repositories of Amazon's registry, as they are made where they are missing. */
import type { EcrSettings } from '../../model/index.ts'
import { flag, object, wholeNumber } from './shapes.ts'

/** Fewer might expire what runs: ECR counts images, and knows nothing of environments. */
const leastKept = 100

export const ecrSchema = object({
  create: flag(true).describe('Whether a missing repository is made when something is first put there.'),
  immutableTags: flag(true).describe('Whether tags in it can never be moved.'),
  scanOnPush: flag(true).describe('Whether images are scanned when they come.'),
  keep: wholeNumber(leastKept, 100_000)
    .optional()
    .describe(
      'A lifecycle rule that keeps this many of the newest images. It does not know what runs: `trunkline prune` does.',
    ),
})
  .meta({ id: 'Ecr', title: 'ECR', description: 'How repositories of ECR are made.' })
  .transform(({ keep, ...rest }): EcrSettings => ({ ...rest, keep: keep ?? null }))
