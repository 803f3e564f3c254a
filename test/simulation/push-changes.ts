/** What people do to the repository: commits, branches, tags, force-pushes. */
import type { CommitId } from '../../src/model/index.ts'
import { configurationOf, shapeOf } from './shop.ts'
import type { Files } from './simulated-source.ts'
import { personOf, type SimulatedWorld } from './simulated-world.ts'
import type { Act, Change } from './story.ts'

type Pushed = { ref: string; commit: CommitId }

/** The first commit of `main`. */
export function foundShop(world: SimulatedWorld): void {
  const { services } = shapeOf(world.story.shape)
  const files = new Map([
    ['trunkline.yaml', configurationOf(world.story.shape, 0, { isSigned: world.story.signed === true })],
    ['README.md', 'a shop'],
    ['shared.txt', 'shared'],
  ])
  for (const name of services) {
    files.set(`${name}/main.txt`, `${name} one`)
    files.set(`${name}/deploy/values.txt`, 'one')
  }
  const first = world.source.commit(null, files, personOf(0), 'first')
  world.remote.move('refs/heads/main', first, -1)
}

/** null where there is nothing to do it with. */
export function pushChange(world: SimulatedWorld, act: Act, who: number): Pushed | null {
  const { source, remote } = world
  const main = remote.refs.get('refs/heads/main')
  if (main === undefined) return null
  switch (act.kind) {
    case 'push': {
      const ref = `refs/heads/${act.branch}`
      const parent = remote.refs.get(ref) ?? main
      const files = changed(world, source.files(parent), act.change, act.mends)
      const commit = source.commit(parent, files, personOf(who), titleOf(act.change))
      remote.move(ref, commit, -1)
      return { ref, commit }
    }
    case 'force-push': {
      const ref = `refs/heads/${act.branch}`
      const tip = remote.refs.get(ref)
      if (tip === undefined) return null
      const base = source.back(tip, act.back)
      const commit =
        act.change === null
          ? base
          : source.commit(
              base,
              changed(world, source.files(base), act.change, false),
              personOf(who),
              titleOf(act.change),
            )
      if (commit === tip) return null
      remote.move(ref, commit, -1)
      return { ref, commit }
    }
    case 'tag': {
      const tip = remote.refs.get(`refs/heads/${act.branch}`) ?? main
      const count = [...remote.refs.keys()].filter((ref) => ref.startsWith('refs/tags/')).length
      const ref = `refs/tags/${act.prefix}${count + 1}`
      const commit = source.back(tip, act.back)
      remote.move(ref, commit, -1)
      return { ref, commit }
    }
    default:
      return null
  }
}

const titleOf = (change: Change): string => ('service' in change ? `${change.kind} ${change.service}` : change.kind)

function changed(world: SimulatedWorld, before: Files, change: Change, mends: boolean): Files {
  const { shape } = world.story
  const { services } = shapeOf(shape)
  const number = world.source.count()
  const files = new Map(before)
  if (mends) {
    for (const [path, content] of before) {
      if (/RED|UNBUILDABLE|DEAD|BROKEN/.test(content) && path !== 'trunkline.yaml') files.set(path, `mended ${number}`)
    }
  }
  const main = (service: number): string => `${services[service % services.length]}/main.txt`
  switch (change.kind) {
    case 'code':
      files.set(main(change.service), `code ${number}`)
      break
    case 'red':
      files.set(main(change.service), `RED ${number}`)
      break
    case 'unbuildable':
      files.set(main(change.service), `UNBUILDABLE ${number}`)
      break
    case 'never-healthy':
      files.set(main(change.service), `DEAD ${number}`)
      break
    case 'broken':
      files.set(main(change.service), `BROKEN-${number % 3 === 0 ? 'prod' : 'stage'} ${number}`)
      break
    case 'docs':
      files.set('README.md', `words ${number}`)
      break
    case 'deploy-input':
      files.set(`${services[change.service % services.length]}/deploy/values.txt`, `values ${number}`)
      break
    case 'revert':
      files.set(main(change.service), `code ${Math.max(1, number - change.by * 2)}`)
      break
    case 'configuration':
      files.set('trunkline.yaml', configurationOf(shape, change.variant, { isSigned: world.story.signed === true }))
      break
    case 'coup':
      files.set('trunkline.yaml', configurationOf(shape, 0, { isCoup: true }))
      break
  }
  return files
}
