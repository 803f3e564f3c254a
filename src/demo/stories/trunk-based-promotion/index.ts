/** Brief 002's story: what is merged to main runs in stage; tags carry the same images on, by way of a manifest repository. */
import type { Story } from '../../story.ts'
import { releaseBranches } from './alternate-route.ts'
import { brokenCommit, docsOnlyTag, firstPush, justAnotherCommit, production, wayBack } from './chapters.ts'
import { createStageSet } from './stage-set.ts'

export function trunkBasedPromotion(): Story {
  const set = createStageSet()
  return {
    example: 'trunk-based-promotion',
    title: 'Two services, from main to production by tags and a manifest repository',
    scene: 'Real pushes, a real registry, Argo CD on a cluster where it is at hand, and people on it all the time.',
    lab: ['cluster', 'registry', 'argocd'],
    labElse: [['registry']],
    route: { first: 'stage', last: 'prod' },
    frontDoor: { service: 'orders', path: '/products' },
    doors: set.doors,
    variables: set.open,
    fit: set.fit,
    end: set.close,
    chapters: [firstPush, docsOnlyTag, production, brokenCommit, justAnotherCommit, wayBack, releaseBranches].map(
      (chapterOf) => chapterOf(set),
    ),
  }
}
