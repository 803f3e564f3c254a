/** Brief 003's story: a web application on virtual machines, and all that it needs in an account, in one delivery. */
import { dirname } from 'node:path'
import type { Story } from '../../story.ts'
import { approval, oneClick, push, rehearsal } from './chapters.ts'
import { brokenRelease, replacedDatabase, tunedAlarm, wayBack } from './later-chapters.ts'
import { fit, openStageSet, type StageSet } from './stage-set.ts'

export function ec2Fleet(): Story {
  let set: StageSet | null = null
  const theSet = (): StageSet => {
    if (set === null) throw new Error('the stage is set before the first chapter')
    return set
  }
  return {
    example: 'ec2-fleet',
    title: 'A web application on virtual machines of AWS, and its infrastructure, in one delivery',
    scene: 'AWS is played by moto, by its own API; instances are folders that run the real scripts.',
    lab: ['aws'],
    route: { first: 'staging', last: 'production' },
    frontDoor: null,
    async variables(folder, lab) {
      if (lab?.aws == null) throw new Error('the story wants an account of AWS')
      set = await openStageSet(lab.aws, folder)
      return {
        REHEARSAL_WEB_HOME: set.rehearsal.folder,
        REHEARSAL_WEB_PORT: String(set.rehearsal.port),
        PATH: [dirname(process.execPath), process.env['PATH'] ?? ''].join(':'),
      }
    },
    async sights() {
      const { account, rehearsal } = theSet()
      const pages = Object.fromEntries(
        (await Promise.all(['staging', 'production'].map((name) => account.pages(name)))).flatMap((found) =>
          found.map(({ instance, url }) => [instance, url]),
        ),
      )
      return {
        rehearsal: `http://127.0.0.1:${rehearsal.port}/`,
        ...pages,
        'the emulator': `${account.lab.endpoint}/moto-api/`,
      }
    },
    fit: (playground) => fit(playground, theSet()),
    end: async () => {
      await set?.close()
      set = null
    },
    chapters: [oneClick, rehearsal, push, approval, tunedAlarm, replacedDatabase, brokenRelease, wayBack].map(
      (chapterOf) => chapterOf(theSet),
    ),
  }
}
