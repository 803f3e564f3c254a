/** A shop that lists its builder and its people with keys; and somebody who may push, and is on no list. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Actor, CommitId } from '../../src/model/index.ts'
import {
  ada,
  type Bench,
  ben,
  type Controller,
  type ControllerOptions,
  cleo,
  createBench,
  type ShopConfig,
  shopConfig,
} from '../fixtures/world.ts'
import { temporaryFolder } from '../git/temporary-folder.ts'
import { makeKey, type TestKey } from './keys.ts'

export const mallory: Actor = { name: 'Mallory', email: 'mallory@example.com' }
export const environmentRef = (name: string): string => `refs/trunkline/env/${name}`
export const buildsRef = 'refs/trunkline/builds'
export const yanksRef = 'refs/trunkline/yanks'

export type Keys = Record<'ci' | 'ben' | 'cleo' | 'mallory', TestKey>

export type SignedBench = Bench & {
  readonly keys: Keys
  readonly folder: string
  /** Acts with their own key, or with the one given. */
  person(actor: Actor, key?: TestKey): Promise<Controller>
  /** Tags what main is and delivers the tag: it waits for approval. Answers the plan. */
  waits(tag: string): Promise<string>
}

export const signedConfig = (keys: Keys, change: (shop: ShopConfig) => void = () => {}): ShopConfig =>
  shopConfig((shop) => {
    Object.assign(shop.environments['prod'] ?? {}, {
      approval: { by: ['@managers'], quorum: 1, notAuthor: true, expires: '7d' },
    })
    shop['builders'] = [{ name: 'ci', ssh: keys.ci.publicKey }]
    shop['people'] = {
      managers: [
        { ...ben, ssh: keys.ben.publicKey },
        { ...cleo, ssh: keys.cleo.publicKey },
      ],
    }
    change(shop)
  })

export type SignedBenchOptions = {
  change?: (shop: ShopConfig, keys: Keys) => void
  /** Of the bench's own controller; default: CI's key. */
  controller?: ControllerOptions
}

export async function createSignedBench({
  change = () => {},
  controller,
}: SignedBenchOptions = {}): Promise<SignedBench> {
  const folder = await temporaryFolder()
  mkdirSync(join(folder.path, 'keys'))
  const key = (name: string) => makeKey(join(folder.path, 'keys'), name)
  const keys: Keys = { ci: key('ci'), ben: key('ben'), cleo: key('cleo'), mallory: key('mallory') }
  const config = signedConfig(keys, (shop) => change(shop, keys))
  const bench = await createBench({ config, controller: { actor: ada, signingKey: keys.ci.path, ...controller } })
  const close = bench[Symbol.asyncDispose].bind(bench)
  return Object.assign(bench, {
    keys,
    folder: folder.path,
    person: (actor: Actor, own?: TestKey) => {
      const known: Record<string, TestKey> = {
        [ben.email]: keys.ben,
        [cleo.email]: keys.cleo,
        [mallory.email]: keys.mallory,
      }
      const signingKey = (own ?? known[actor.email])?.path
      return bench.controller({ name: actor.name, actor, ...(signingKey === undefined ? {} : { signingKey }) })
    },
    async waits(tag: string) {
      await bench.deliver(await bench.tag(tag))
      return (await bench.state('prod')).waiting?.plan ?? 'nothing waits'
    },
    async [Symbol.asyncDispose]() {
      await close()
      await folder[Symbol.asyncDispose]()
    },
  })
}

export type HandMade = {
  ref: string
  subject: string
  body?: string
  /** Files by path: all there are. Without it: those of the tip. */
  files?: Record<string, string>
  by?: Actor
  key?: TestKey
  /** Default: the ref's tip. */
  parents?: readonly string[]
  /** ISO 8601. */
  at?: string
}

/** A commit as anybody who may push can make it, with nothing but git. */
export async function pushByHand({ remote }: Bench, made: HandMade): Promise<CommitId> {
  const by = made.by ?? mallory
  const tip = (await remote.refs())[made.ref]
  const parents = made.parents ?? (tip === undefined ? [] : [tip])
  const tree = made.files === undefined ? `${tip}^{tree}` : await makeTree(remote, made.files)
  const signing = made.key === undefined ? [] : ['-c', 'gpg.format=ssh', '-c', `user.signingKey=${made.key.path}`]
  const commit = await remote.git(
    ...['-c', `user.name=${by.name}`, '-c', `user.email=${by.email}`, ...signing, 'commit-tree'],
    ...(made.key === undefined ? [] : ['-S']),
    ...parents.flatMap((parent) => ['-p', parent]),
    ...['-m', made.subject, ...(made.body === undefined ? [] : ['-m', made.body]), tree],
  )
  await remote.git('update-ref', made.ref, commit)
  return commit as CommitId // git says so
}

async function makeTree(remote: Bench['remote'], files: Record<string, string>): Promise<string> {
  const { execFileSync } = await import('node:child_process')
  const index = join(remote.directory, `hand-${process.pid}-${Math.random().toString(36).slice(2)}.index`)
  const env = { ...process.env, ...remote.environment, GIT_INDEX_FILE: index }
  const git = (args: string[], input?: string) =>
    execFileSync('git', args, {
      cwd: remote.directory,
      env,
      encoding: 'utf8',
      ...(input === undefined ? {} : { input }),
    }).trim()
  for (const [path, text] of Object.entries(files)) {
    const blob = git(['hash-object', '-w', '--stdin'], text)
    git(['update-index', '--add', '--cacheinfo', `100644,${blob},${path}`])
  }
  const tree = git(['write-tree'])
  const { rmSync } = await import('node:fs')
  rmSync(index)
  return tree
}

/** Text of a file at the tip of a ref. */
export const fileAt = (bench: Bench, ref: string, path: string): Promise<string> =>
  bench.remote.git('cat-file', 'blob', `${ref}:${path}`)

export const tipOf = async (bench: Bench, ref: string): Promise<string> => (await bench.remote.refs())[ref] ?? ''
