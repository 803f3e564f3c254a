/** What stands around the repository in this story: the manifest repository, where people order, and where they read. */
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { openArtifactStore } from '../../../artifacts/index.ts'
import type { ArtifactStore } from '../../../ports/index.ts'
import { runProcess } from '../../../process/index.ts'
import { programFolder } from '../../../program/index.ts'
import type { Lab, LabAws } from '../../lab.ts'
import type { Playground } from '../../playground.ts'
import { expect } from '../../story.ts'
import { type FrontDoor, openFrontDoor } from './front-door.ts'
import { type Functions, fittedToAccount, openFunctions, withoutFunctions } from './functions.ts'
import { type Letters, openLetters } from './letters.ts'

export const environments = ['stage', 'demo', 'prod'] as const
export const services = ['orders', 'notifications'] as const
export type EnvironmentOfStory = (typeof environments)[number]

export type StageSet = {
  /** Answers the variables of the process that delivers. */
  open(folder: string, lab: Lab | null): Promise<Record<string, string>>
  /** The example as its README asks: registry, manifest repository, addresses. */
  fit(playground: Playground): Promise<void>
  doors(): Record<string, string>
  close(): Promise<void>
  /** Whether a real Argo CD brings the manifests to a cluster. */
  hasArgoCd(): boolean
  /** Null where there is no AWS: images are delivered without them. */
  functions(): Functions | null
  store(): ArtifactStore
  letters(): readonly string[]
  /** Runs git in the manifest repository. */
  manifests(...words: string[]): Promise<string>
  doorOf(environment: EnvironmentOfStory): string
}

/** As the example has them, and as they are here. */
const written = {
  registry: 'registry.example.com/acme/orders',
  repository: 'https://git.example.com/acme/orders-manifests.git',
  argocd: /^ *argocd: .*\n/m,
}
const gitTimeoutMs = 60_000

export function createStageSet(): StageSet {
  let letters: Letters | null = null
  let doors: FrontDoor[] = []
  let store: ArtifactStore | null = null
  let manifestsFolder = ''
  let registry = ''
  let isFollowed = false
  let account: LabAws | null = null
  let functions: Functions | null = null

  const theStore = (): ArtifactStore => {
    if (store === null) throw new Error('the store is opened with the stage set')
    return store
  }
  const manifests = async (...words: string[]) => await git(manifestsFolder, ...words)

  return {
    async open(folder, lab) {
      if (lab === null) throw new Error('the story wants a registry at least')
      registry = `${lab.registry}/acme/orders`
      isFollowed = lab.kubeconfig !== ''
      account = lab.aws
      if (account !== null) {
        functions = await openFunctions(account, join(programFolder, 'examples', 'trunk-based-promotion'))
      }
      store = await openArtifactStore(
        { kind: 'oci-registry', repository: registry, insecure: true },
        { defaultDirectory: folder, repositoryRoot: folder, environment: process.env, services, openAws: null },
      )
      // Beside the remote, and kept with it.
      manifestsFolder = join(dirname(folder), 'orders-manifests.git')
      letters = await openLetters()
      for (const environment of environments) {
        doors.push(
          await openFrontDoor({
            environment,
            manifests: manifestsFolder,
            store: theStore,
            folder: join(folder, environment),
          }),
        )
      }
      return { SLACK_WEBHOOK: letters.url }
    },

    async fit(playground) {
      const { clone } = playground
      const manifestsUrl = `file://${manifestsFolder}`
      for (const file of ['trunkline.yaml', 'release-branches/trunkline.yaml']) {
        await change(join(clone, file), (text) => {
          const fitted = text.replace(written.registry, registry).replace(written.repository, manifestsUrl)
          const withAws = account === null ? withoutFunctions(fitted) : fittedToAccount(fitted, account)
          return isFollowed ? withAws : withAws.replace(written.argocd, '')
        })
      }
      for (const door of doors) {
        await writeFile(join(clone, 'environments', `${door.environment}.env`), `ORDERS_URL=${door.url}\n`)
        const kustomization = join(clone, 'manifests', 'environments', door.environment, 'kustomization.yaml')
        await change(kustomization, (text) => text.replaceAll(written.registry, registry))
        await change(join(clone, 'manifests', 'argocd', `${door.environment}.yaml`), (text) =>
          text.replace(written.repository, manifestsUrl),
        )
      }
      await openManifestRepository(join(clone, 'manifests'), manifestsFolder)
      if (isFollowed) await playground.tool('kubectl', 'apply', '-f', 'manifests/argocd')
      await rm(join(clone, 'manifests'), { recursive: true })
    },

    doors: () =>
      Object.fromEntries(
        doors.filter((door) => door.isOpen()).map((door) => [door.environment, new URL('/products', door.url).href]),
      ),

    async close() {
      await Promise.all(doors.map((door) => door.close()))
      doors = []
      await letters?.close()
      letters = null
      await functions?.close()
      functions = null
    },

    hasArgoCd: () => isFollowed,
    functions: () => functions,
    store: theStore,
    letters: () => letters?.said() ?? [],
    manifests,
    doorOf(environment) {
      const found = doors.find((door) => door.environment === environment)
      expect(found !== undefined, `there is a door to ${environment}`)
      return found.url
    },
  }
}

async function change(path: string, how: (text: string) => string): Promise<void> {
  await writeFile(path, how(await readFile(path, 'utf8')))
}

/** A repository of its own, with a first commit by a person. */
async function openManifestRepository(content: string, bare: string): Promise<void> {
  const person = `${bare}.first`
  await mkdir(bare)
  await git(bare, 'init', '--quiet', '--bare', '--initial-branch=main')
  await cp(content, person, { recursive: true })
  await git(person, 'init', '--quiet', '--initial-branch=main')
  await git(person, 'add', '--all')
  await git(person, 'commit', '--quiet', '--message', 'Describe orders and notifications')
  await git(person, 'push', '--quiet', bare, 'main')
  await rm(person, { recursive: true })
}

async function git(folder: string, ...words: string[]): Promise<string> {
  const person = { NAME: 'Grace', EMAIL: 'grace@example.com' }
  const ended = await runProcess({
    argv: ['git', ...words],
    cwd: folder,
    env: {
      PATH: process.env['PATH'] ?? '',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_NAME: person.NAME,
      GIT_AUTHOR_EMAIL: person.EMAIL,
      GIT_COMMITTER_NAME: person.NAME,
      GIT_COMMITTER_EMAIL: person.EMAIL,
    },
    timeoutMs: gitTimeoutMs,
  })
  expect(ended.exitCode === 0, `git ${words.join(' ')}: ${ended.stderr.trim()}`)
  return ended.stdout.toString('utf8').trim()
}
