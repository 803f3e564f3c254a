/** Step 2, 3 and 5 of brief 002 for functions: packaged once a commit, and the same zip wherever a tag leads. */
import { type Chapter, expect } from '../../story.ts'
import { type FunctionOfStory, functions, type LiveFunction } from './functions.ts'
import { type EnvironmentOfStory, environments, type StageSet } from './stage-set.ts'
import { environmentOf, short } from './telling.ts'

const noAws = 'no AWS here: the functions of this example are left out'

export const sameZips = (set: StageSet): Chapter => ({
  name: 'The functions: packaged once, one zip in stage, demo and prod',
  tells:
    'stamps is deployed by its alias, receipts by its serverless.yml and the Serverless framework. What differs between environments is what they are told, not what they are.',
  async run(playground) {
    const all = set.functions()
    if (all === null) return [noAws]
    const facts: string[] = []
    for (const name of functions) {
      const found = await Promise.all(environments.map((environment) => all.live(name, environment)))
      const codes = new Set(found.map(({ code }) => code))
      expect(codes.size === 1, `${name} is the same zip everywhere: ${[...codes].join(', ')}`)
      facts.push(`${name}: CodeSha256 ${found[0]?.code.slice(0, 12)}… in ${environments.join(', ')}`)
    }
    const stamps = await all.live('stamps', 'stage')
    const stage = await environmentOf(playground, 'stage')
    const first = await playground.git('rev-list', '--max-parents=0', 'HEAD')
    const commit = await all.commitOf(stamps.code)
    expect(commit === first, `its object in S3 says which commit it is of: ${commit}`)
    const told = await Promise.all(environments.map((environment) => all.live('receipts', environment)))
    expect(new Set(told.map(({ ordersUrl }) => ordersUrl)).size === environments.length, 'each has its own address')
    const receipt = (await all.asked('receipts', 'prod')) as { text?: string } // Of the example's own handler.
    expect(
      receipt.text?.includes(`${told[2]?.ordersUrl}`) === true,
      `the receipt of prod leads to prod: ${receipt.text}`,
    )
    return [
      ...facts,
      `its object in S3 was put once, on condition that it was new, with its commit: ${short(commit)}`,
      `tags and documentation since (${short(stage.commit)}) packaged nothing`,
      `receipts of prod lead to ${told[2]?.ordersUrl}`,
    ]
  },
})

/** What a customer gets for an order just now; nothing where there is no AWS. */
export async function stampsIn(set: StageSet, environment: EnvironmentOfStory): Promise<string[]> {
  const all = set.functions()
  if (all === null) return []
  const { version } = await all.live('stamps', environment)
  const { stamps } = (await all.asked('stamps', environment)) as { stamps?: number } // Of the example's own handler.
  expect(stamps === 3, `19.60 euros earn 3 stamps in ${environment}, not ${stamps}`)
  return [
    `function stamps in ${environment}: alias live leads to version ${version}; 19.60 euros earn ${stamps} stamps`,
  ]
}

/** After a release that failed: callers reach what they reached before. */
export async function expectAliasBack(set: StageSet, before: LiveFunction | undefined): Promise<string[]> {
  const all = set.functions()
  if (all === null || before === undefined) return []
  const name: FunctionOfStory = 'stamps'
  const now = await all.live(name, 'stage')
  expect(now.version === before.version && now.code === before.code, `the alias is back at version ${before.version}`)
  const [told] = await stampsIn(set, 'stage')
  return [`its function went back with it: ${told}`]
}
