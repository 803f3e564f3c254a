/**
 * Reading from a remote, with patience: hosts answer 500 for a moment, networks blink, and asking twice changes nothing.
 * What a second try cannot change (a wrong password, a repository that is not there) is answered at once.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type GitEnd, isPassingFault } from './git-failure.ts'
import type { Git, GitRunOptions } from './run-git.ts'

/** Before each further try, at most; at least half of it, so that many runners do not come back in step. */
const pausesMs = [300, 900, 1800]

/** Runs a git command that reads from a remote, again where it failed over something that passes. Bounded: four tries. */
export async function askRemote(git: Git, args: readonly string[], options: GitRunOptions): Promise<GitEnd> {
  for (const pauseMs of pausesMs) {
    const end = await git.run(args, options)
    if (!isPassingFault(end)) return end
    // Aborted while it pauses: the next run says so.
    await sleep(pauseMs * (0.5 + Math.random() / 2), undefined, { signal: options.signal }).catch(() => {})
  }
  return await git.run(args, options)
}
