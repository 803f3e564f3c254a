/** A repository of 1,000 services and 100,000 files in npm workspaces, so that turbo and nx can be asked the same of it. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { commit, fastImport, git, put, type Scratch } from './scratch.ts'

export type LargeRepository = { clone: string; remote: string }
export type Size = { services: number; packages: number; filesEach: number; history: number }

export const thousandServices: Size = { services: 1000, packages: 200, filesEach: 83, history: 0 }

/** Its last commit changes one file of one service. `history` commits before it each change one file somewhere. */
export async function largeRepository(scratch: Scratch, name: string, size: Size): Promise<LargeRepository> {
  const clone = join(scratch.path, name)
  const remote = join(scratch.path, `${name}.git`)
  mkdirSync(clone)
  git(scratch, clone, 'init', '--quiet', '--initial-branch=main')
  await fastImport(scratch, clone, contentOf(size))
  git(scratch, clone, 'reset', '--quiet', '--hard', 'main')
  git(scratch, scratch.path, 'clone', '--quiet', '--bare', '--shared', clone, remote)
  git(scratch, clone, 'remote', 'add', 'origin', remote)
  git(scratch, clone, 'update-ref', 'refs/remotes/origin/main', 'main')
  return { clone, remote }
}

const number = (value: number): string => String(value).padStart(4, '0')
const firstAt = 1_700_000_000

function* contentOf({ services, packages, filesEach, history }: Size): Generator<string> {
  yield commit('main', firstAt, 'everything')
  const lock: Record<string, unknown> = { '': { name: 'mono', workspaces: ['services/*', 'packages/*'] } }
  yield put(
    'package.json',
    json({ name: 'mono', private: true, packageManager: 'npm@11.0.0', workspaces: ['services/*', 'packages/*'] }),
  )
  yield put('turbo.json', json({ tasks: { build: { dependsOn: ['^build'], outputs: ['dist/**'] } } }))
  yield put('nx.json', json({ targetDefaults: { build: { dependsOn: ['^build'], cache: true } } }))
  yield put('.gitignore', 'node_modules\n.nx\n.turbo\n')
  for (let index = 0; index < packages; index += 1) {
    const dependencies = index >= packages / 2 ? { [`@mono/p${number(index - packages / 2)}`]: '*' } : {}
    yield* workspace('packages', `p${number(index)}`, dependencies, filesEach, lock)
  }
  let yaml = 'project: mono\ntrunk: main\nservices:\n'
  for (let index = 0; index < services; index += 1) {
    const name = `s${number(index)}`
    const dependencies = {
      [`@mono/p${number(index % packages)}`]: '*',
      [`@mono/p${number((index * 7 + 3) % packages)}`]: '*',
    }
    yield* workspace('services', name, dependencies, filesEach, lock)
    yaml += `  ${name}:
    path: services/${name}
    checkInputs: [services/${name}/test/**]
    checks: { test: npm test -w @mono/${name} }
    build: npm run build -w @mono/${name}
    artifact: { bundle: { include: [src/**, package.json] } }
    run: { command: node src/main.js, port: PORT, health: /healthz }
`
  }
  yield put('package-lock.json', json({ name: 'mono', lockfileVersion: 3, requires: true, packages: lock }))
  yield put(
    'trunkline.yaml',
    `${yaml}environments:\n  stage:\n    on: { branch: main }\n    target: { fleet: { hosts: [local] } }\n`,
  )
  for (let at = 1; at <= history; at += 1) {
    yield commit('main', firstAt + at, `change ${at}`)
    const service = number((at * 17) % services)
    // Now and then a file is added; mostly one changes.
    yield at % 20 === 0
      ? put(`services/s${service}/src/added/file${at}.ts`, `export const added = ${at}\n`)
      : put(`services/s${service}/src/part1/file1.ts`, `export const changed = ${at}\n`)
  }
  yield commit('main', firstAt + history + 100, 'one service')
  yield put(`services/s${number(Math.floor(services / 2))}/src/part1/file1.ts`, 'export const x1 = "changed"\n')
}

function* workspace(
  folder: string,
  name: string,
  dependencies: Record<string, string>,
  files: number,
  lock: Record<string, unknown>,
): Generator<string> {
  const path = `${folder}/${name}`
  const manifest = { name: `@mono/${name}`, version: '1.0.0', scripts: { build: 'true', test: 'true' }, dependencies }
  lock[path] = { name: manifest.name, version: '1.0.0', dependencies }
  lock[`node_modules/${manifest.name}`] = { resolved: path, link: true }
  yield put(`${path}/package.json`, json(manifest))
  for (let file = 1; file < files - 4; file += 1) {
    yield put(`${path}/src/part${file % 7}/file${file}.ts`, `export const x${file} = '${name}-${file}'\n`)
  }
  for (let file = 0; file < 4; file += 1) yield put(`${path}/test/t${file}.test.ts`, `// ${name} ${file}\n`)
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 1)}\n`
