/** A whole history, commit by commit: which services each commit changes, and the hashes over their inputs. */
import type { Commit, PathChange, Project, ServiceName } from '../model/index.ts'
import { carrySelection, type InputHashes, projectFile } from '../planning/inputs/index.ts'
import type { HistoryStep, World } from '../ports/index.ts'
import { hashOf, type Look, type Looking, lookAt, lookInto } from './look.ts'

/** What one commit changed. Services that are gone are not among them. */
export type LookedAt = {
  commit: Commit
  project: Project
  hashes: Pick<InputHashes, 'inputHash' | 'checkHash' | 'deployHash' | 'prepareHash'>
  /** Services of which build, checks or deployment have other inputs than at the commit before; new ones, too. */
  changed: ServiceName[]
}

export type LookingThrough = Looking & { world: Pick<World, 'projectAt'> }

/**
 * Looks at commits of which each is the first parent of the next. A commit that changes contents costs what it changes;
 * one that adds or removes paths, or changes what decides inputs, is selected anew, and reads only what is new to it.
 */
export async function* lookThrough(
  engine: LookingThrough,
  steps: AsyncIterable<HistoryStep>,
): AsyncGenerator<LookedAt> {
  let before: Look | null = null
  for await (const { commit, changes } of steps) {
    const look: Look = before === null ? await first(engine, commit) : await next(engine, before, commit, changes)
    yield { commit, project: look.project, hashes: look.hashes, changed: changedServices(before, look) }
    before = look
  }
}

async function first(engine: LookingThrough, commit: Commit): Promise<Look> {
  return await lookAt(engine, await engine.world.projectAt(commit.id), commit.id)
}

async function next(
  engine: LookingThrough,
  before: Look,
  commit: Commit,
  changes: readonly PathChange[],
): Promise<Look> {
  const tree = before.tree.after(changes)
  if (changes.some(({ path }) => path === projectFile)) {
    return await lookInto(engine, await engine.world.projectAt(commit.id), tree, before)
  }
  const { project, contents } = before
  const selection = carrySelection(before.selection, { tree, changes, contents })
  if (selection === null) return await lookInto(engine, project, tree, before)
  return { project, tree, contents, selection, hashes: hashOf(engine, project, selection, before.hashes) }
}

function changedServices(before: Look | null, { hashes, project }: Look): ServiceName[] {
  const names = Object.keys(project.services)
  if (before === null) return names
  const old = before.hashes.services
  return names.filter((name) => {
    const was = Object.hasOwn(old, name) ? old[name] : undefined
    const is = hashes.services[name]
    if (was === undefined || is === undefined) return true
    if (was.build.hash !== is.build.hash || was.deploy.hash !== is.deploy.hash) return true
    const checks = Object.keys(is.checks)
    return (
      checks.length !== Object.keys(was.checks).length ||
      checks.some((check) => was.checks[check]?.hash !== is.checks[check]?.hash)
    )
  })
}
