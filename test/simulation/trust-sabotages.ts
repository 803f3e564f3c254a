/** Ways to let forged words count. */
import type { Engine } from '../../src/delivery/index.ts'
import type { Sabotage } from './sabotage.ts'
import type { Mutation } from './sabotages.ts'
import { writeStory } from './story.ts'

/** Shops whose trunk lists whose signatures count. */
const signedStories = Array.from({ length: 2000 }, (_, seed) => writeStory(seed, 0)).filter(({ signed }) => signed)

/** The engine signs as ever, and believes otherwise. */
const believing = (trust: Partial<Engine['ledger']['trust']>): Sabotage => ({
  engine(engine) {
    Object.assign(engine.ledger.trust, trust)
    return engine
  },
})

export const trustMutations: readonly Mutation[] = [
  {
    what: 'any event counts, whoever signed it',
    breaks: 'trust',
    stories: signedStories,
    sabotage: believing({ environment: () => null }),
  },
  {
    what: 'any approval counts, whoever signed it',
    breaks: 9,
    stories: signedStories,
    sabotage: believing({
      environment: () => null,
      approvals: async (_ref, _tip, { approvals }) => ({ approvals, refused: [] }),
    }),
  },
  {
    what: 'any record counts, whoever signed it',
    breaks: 'trust',
    stories: signedStories,
    sabotage: believing({ records: async (_ref, tip) => ({ base: tip, voided: [] }) }),
  },
]
