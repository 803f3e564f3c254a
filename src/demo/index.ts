/** `trunkline demo`: tells an example's story on this machine, with real pushes, real processes and load on all of it. */
import { erroredError, usageError } from '../model/index.ts'
import { type Load, type LoadFigures, startLoad } from './load.ts'
import { type OpenedPlayground, openPlayground } from './playground.ts'
import type { Chapter, Story } from './story.ts'

/** Every example that has a story, loaded when it is told. */
export const stories: Record<string, () => Promise<Story>> = {
  'microservices-shop': async () => (await import('./stories/microservices-shop.ts')).microservicesShop,
  'branch-per-environment': async () => (await import('./stories/branch-per-environment.ts')).branchPerEnvironment,
  'trunk-based-promotion': async () => (await import('./stories/trunk-based-promotion/index.ts')).trunkBasedPromotion(),
  'ec2-fleet': async () => (await import('./stories/ec2-fleet/index.ts')).ec2Fleet(),
  'loyalty-backend': async () => (await import('./stories/loyalty-backend.ts')).loyaltyBackend,
}
export const defaultExample = 'microservices-shop'

export type DemoSummary = {
  requests: number
  failedRequests: number
  /** Whether people used it meanwhile. */
  underLoad: boolean
  builds: number
  promotions: number
  durationMs: number
  story: Array<{ name: string; ok: boolean; durationMs: number; facts: string[]; problem: string | null }>
  failures: string[]
  ledger: string
}

/** What the teller shows of a demo. */
export type DemoStage = {
  begins(story: Story): void
  chapterBegins(chapter: Chapter, number: number, of: number): void
  /** A command being typed, or a line worth a glance. */
  line(text: string): void
  /** Called about twice a second. */
  figures(load: LoadFigures): void
  chapterEnds(chapter: Chapter, ok: boolean, facts: string[], durationMs: number): void
  /** Waits until the viewer has seen enough; returns at once without a terminal. */
  lingers(addresses: Record<string, string>, signal: AbortSignal): Promise<void>
}

export type DemoOptions = {
  example: string
  environment: NodeJS.ProcessEnv
  stage: DemoStage
  signal: AbortSignal
}

const figuresEveryMs = 500

/** Throws only when the stage cannot be set; a chapter that does not hold is in the summary. */
export async function tellStory(options: DemoOptions): Promise<DemoSummary> {
  const { stage, signal } = options
  const load = Object.hasOwn(stories, options.example) ? stories[options.example] : undefined
  if (load === undefined) {
    throw usageError('UNKNOWN_EXAMPLE', `there is no story for ${options.example}`, {
      hint: `there is for: ${Object.keys(stories).join(', ')}`,
    })
  }
  await assertParts(options.environment)
  const story = await load()
  const startedMs = performance.now()
  stage.begins(story)
  const playground = await openPlayground({
    story,
    environment: options.environment,
    signal,
    show: (line) => stage.line(line),
  })
  const traffic = startLoad()
  const ticking = setInterval(() => stage.figures(traffic.figures()), figuresEveryMs)
  try {
    const told = await tellChapters(story, playground, traffic, stage)
    const builds = await playground.buildRecords()
    const promotions = await countPromotions(story, playground)
    if (told.every((chapter) => chapter.ok)) await stage.lingers(await sights(story, playground), signal)
    await traffic.stop()
    const { requests, failedRequests, failures } = traffic.figures()
    return {
      requests,
      failedRequests,
      underLoad: story.frontDoor !== null,
      builds,
      promotions,
      durationMs: Math.round(performance.now() - startedMs),
      story: told,
      failures,
      ledger: `git -C ${playground.remote} log refs/trunkline/env/${story.route.last}`,
    }
  } finally {
    clearInterval(ticking)
    await traffic.stop()
    await playground.close({ keepRemote: !signal.aborted })
  }
}

/** A story held when each chapter did and nobody noticed anything. */
export const heldThroughout = (summary: DemoSummary): boolean =>
  summary.story.every((chapter) => chapter.ok) &&
  summary.failedRequests === 0 &&
  (summary.requests > 0 || !summary.underLoad)

/** What the story needs of the machine, named before anything is begun. */
async function assertParts(environment: NodeJS.ProcessEnv): Promise<void> {
  const { runProcess } = await import('../process/index.ts')
  const env = Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
  for (const part of ['git', 'node', 'npm']) {
    const found = await runProcess({ argv: [part, '--version'], env, timeoutMs: 20_000 }).catch(() => null)
    if (found?.exitCode !== 0)
      throw erroredError('PART_MISSING', `the demo needs ${part}, and it is not on this machine`, {
        hint: `install ${part} and run it again`,
      })
  }
}

async function tellChapters(
  story: Story,
  playground: OpenedPlayground,
  load: Load,
  stage: DemoStage,
): Promise<DemoSummary['story']> {
  const told: DemoSummary['story'] = []
  let isBroken = false
  for (const [index, chapter] of story.chapters.entries()) {
    if (isBroken) {
      told.push({
        name: chapter.name,
        ok: false,
        durationMs: 0,
        facts: [],
        problem: 'not told: an earlier chapter did not hold',
      })
      continue
    }
    const startedMs = performance.now()
    stage.chapterBegins(chapter, index + 1, story.chapters.length)
    let facts: string[] = []
    let problem: string | null = null
    try {
      facts = await chapter.run(playground)
      for (const [environment, url] of Object.entries(await addresses(story, playground))) load.on(environment, url)
      if (load.figures().failedRequests > 0) problem = `requests failed: ${load.figures().failures.join('; ')}`
    } catch (error) {
      if (playground.signal.aborted) throw error
      problem = error instanceof Error ? error.message : String(error)
    }
    isBroken = problem !== null
    const durationMs = Math.round(performance.now() - startedMs)
    told.push({ name: chapter.name, ok: problem === null, durationMs, facts, problem })
    stage.chapterEnds(chapter, problem === null, problem === null ? facts : [problem], durationMs)
  }
  return told
}

/** The front door of every environment that runs something. */
async function addresses(story: Story, playground: OpenedPlayground): Promise<Record<string, string>> {
  const { frontDoor } = story
  if (frontDoor === null) return {}
  const found: Record<string, string> = { ...story.doors?.() }
  for (const environment of await playground.status()) {
    const url = environment.services.find((service) => service.name === frontDoor.service)?.url
    if (url) found[environment.name] = new URL(frontDoor.path, url).href
  }
  return found
}

/** What a viewer may look at while it still runs. */
const sights = async (story: Story, playground: OpenedPlayground): Promise<Record<string, string>> => ({
  ...(await addresses(story, playground)),
  ...(await story.sights?.()),
  ...(playground.lab === null || playground.lab.kubeconfig === '' ? {} : { kubeconfig: playground.lab.kubeconfig }),
})

/** Deployments of a release that ran in another environment before: all that went live past the first. */
async function countPromotions(story: Story, playground: OpenedPlayground): Promise<number> {
  const { document } = await playground.quietly<{ events: Array<{ kind: string; environment: string }> }>(
    'log',
    '--lines',
    '1000',
  )
  return document.events.filter((event) => event.kind === 'succeeded' && event.environment !== story.route.first).length
}
