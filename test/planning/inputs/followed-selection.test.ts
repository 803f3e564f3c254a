import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ListedTree, type Project } from '../../../src/model/index.ts'
import { FollowedSelection, selectInputs } from '../../../src/planning/inputs/selecting.ts'
import { changesBetween, historyProject, start } from './random-history.ts'
import { pathHistory, pathsProject } from './random-paths.ts'
import { type Files, readFiles, treeOf } from './tiny-repository.ts'

const lists = ['inputs', 'checkInputs', 'deployInputs', 'prepare'] as const

function selected(project: Project, files: Files) {
  const { contents } = readFiles(project, files)
  const tree = ListedTree.fromEntries(treeOf(files))
  return { tree, contents, selection: selectInputs(project, tree, contents) }
}

function followed(project: Project, files: Files): FollowedSelection {
  const { tree, contents, selection } = selected(project, files)
  return new FollowedSelection(selection, tree, contents)
}

/** Digest of every list, by what follows and by selecting anew. */
function digests(project: Project, following: FollowedSelection, files: Files) {
  const { selection } = selected(project, files)
  const names = Object.keys(selection)
  return {
    followed: names.map((name) => lists.map((list) => `${name} ${list} ${following.digest(name, list)}`)),
    anew: names.map((name) => lists.map((list) => `${name} ${list} ${selection[name]?.[list].digest()}`)),
  }
}

describe('a selection that goes along with a history', () => {
  it('has at each commit the lists that selecting anew gives, paths that come and go among them', () => {
    const met = { moved: 0, rewritten: 0, anew: 0 }
    fc.assert(
      fc.property(pathHistory(12), (history) => {
        let following = followed(pathsProject, history[0] ?? {})
        for (const [at, files] of history.entries()) {
          const changes = at === 0 ? [] : changesBetween(history[at - 1] ?? {}, files)
          const touched = following.follow(changes)
          if (touched === null) {
            met.anew += 1
            following = followed(pathsProject, files)
          } else if (changes.some(({ from, to }) => from === null || to === null)) met.moved += 1
          else met.rewritten += 1
          const { followed: is, anew } = digests(pathsProject, following, files)
          assert.deepEqual(is, anew)
          assert.deepEqual(
            [...following.treeAfter([])].map(({ path, mode, oid }) => `${mode} ${oid} ${path}`),
            [...ListedTree.fromEntries(treeOf(files))].map(({ path, mode, oid }) => `${mode} ${oid} ${path}`),
          )
        }
      }),
      { numRuns: 25 },
    )
    const told = JSON.stringify(met)
    assert.ok(met.moved > 20 && met.rewritten > 10 && met.anew > 10, told)
  })

  it('names the services whose lists a path comes to or goes from', () => {
    const more: Files = { ...start, 'services/email/sub/other.ts': 'one' }
    const following = followed(historyProject, start)
    assert.deepEqual([...(following.follow(changesBetween(start, more)) ?? [])], ['email'])
    assert.deepEqual([...(following.follow(changesBetween(more, start)) ?? [])], ['email'])
    const documented: Files = { ...start, 'docs/other.md': 'one' }
    assert.deepEqual([...(following.follow(changesBetween(start, documented)) ?? ['all'])], [])
  })

  it('gives up where a path may decide what is an input', () => {
    const cases: Array<[string, Files[string] | null]> = [
      ['package-lock.json', '{}'],
      ['services/email/package.json', '{}'],
      ['services/email/Dockerfile', 'FROM x'],
      ['services/email/tsconfig.json', '{}'],
      ['services/email/main.go', 'package main'],
      ['services/carts/package.json', null],
      ['services/email/sub/link', { mode: 'symlink', content: 'deep.ts' }],
      ['trunkline.yaml', 'project: shop'],
    ]
    for (const [path, to] of cases) {
      const { [path]: _, ...rest } = start
      const after: Files = to === null ? rest : { ...rest, [path]: to }
      assert.equal(followed(historyProject, start).follow(changesBetween(start, after)), null, path)
    }
  })
})
