/** Brief 002's story: what is merged to main runs in stage; tags carry the same images on, by way of a manifest repository. */
import type { Story } from '../../story.ts'
import { releaseBranches } from './alternate-route.ts'
import { brokenCommit, docsOnlyTag, firstPush, justAnotherCommit, production, wayBack } from './chapters.ts'
import { sameZips } from './function-chapter.ts'
import { createStageSet } from './stage-set.ts'

export function trunkBasedPromotion(): Story {
  const set = createStageSet()
  return {
    example: 'trunk-based-promotion',
    title: 'Two services and two functions, from main to production by tags',
    scene: 'A real registry; Argo CD and an emulator of AWS where they are at hand; people on it all the time.',
    lab: ['cluster', 'registry', 'argocd', 'aws', 'osls'],
    labElse: [['cluster', 'registry', 'argocd'], ['registry', 'aws', 'osls'], ['registry']],
    route: { first: 'stage', last: 'prod' },
    frontDoor: { service: 'orders', path: '/products' },
    doors: set.doors,
    variables: set.open,
    fit: set.fit,
    end: set.close,
    chapters: [
      ...[firstPush, docsOnlyTag, production, sameZips],
      ...[brokenCommit, justAnotherCommit, wayBack, releaseBranches],
    ].map((chapterOf) => chapterOf(set)),
  }
}
