/** Builds the programs of a part from their Go modules: four minutes for the control plane, seconds once Go has them cached. */
import { spawn } from 'node:child_process'
import { chmod, copyFile, mkdir, readdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { findProgram } from '../local-server.ts'
import { cachedPart, fillCache, type KubernetesPart, partsCache, sourceOf } from './programs.ts'

const kubernetesVersion = 'v1.36.3'

type Recipe = {
  binary: string
  /** Names by which the one binary is called. */
  names: readonly string[]
  /** What the programs say of their versions: `-X` of the linker. */
  variables: Record<string, string>
  /** Files that the modules bring beside their code. */
  lay(folder: string, moduleFolder: (module: string) => Promise<string>): Promise<void>
}

const recipes: Record<KubernetesPart, Recipe> = {
  kubelab: {
    binary: 'kubelab',
    names: ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubectl', 'kwok'],
    variables: {
      'k8s.io/component-base/version.gitVersion': kubernetesVersion,
      'k8s.io/component-base/version.gitMajor': '1',
      'k8s.io/component-base/version.gitMinor': kubernetesVersion.split('.')[1] ?? '',
      'k8s.io/component-base/version.gitCommit': 'test',
      'k8s.io/component-base/version.gitTreeState': 'clean',
      'k8s.io/component-base/version.buildDate': '2026-01-01T00:00:00Z',
      'sigs.k8s.io/kwok/pkg/consts.Version': 'v0.8.0',
    },
    lay: async () => {},
  },
  argocd: {
    binary: 'argolab',
    names: ['argocd-application-controller', 'argocd-repo-server', 'argocd-git-ask-pass'],
    variables: { 'github.com/argoproj/argo-cd/v3/common.version': '3.5.7' },
    async lay(folder, moduleFolder) {
      const module = await moduleFolder('github.com/argoproj/argo-cd/v3')
      const crds = join(folder, 'argocd-crds')
      await mkdir(crds)
      for (const kind of ['application', 'appproject', 'applicationset']) {
        await copyFile(join(module, 'manifests', 'crds', `${kind}-crd.yaml`), join(crds, `${kind}-crd.yaml`))
      }
      // The repo server looks for these on its PATH.
      for (const script of ['git-ask-pass.sh', 'git-verify-wrapper.sh', 'gpg-wrapper.sh']) {
        await copyFile(join(module, 'hack', script), join(folder, script))
        await chmod(join(folder, script), 0o755) // Modules keep no such bits.
      }
    },
  },
  knative: {
    binary: 'knative',
    names: [],
    variables: {},
    async lay(folder, moduleFolder) {
      const serving = join(await moduleFolder('knative.dev/serving'), 'config', 'core')
      const networking = join(await moduleFolder('knative.dev/networking'), 'config')
      const caching = join(await moduleFolder('knative.dev/caching'), 'config')
      const [crds, config] = [join(folder, 'knative-config', 'crds'), join(folder, 'knative-config', 'config')]
      for (const each of [crds, config]) await mkdir(each, { recursive: true })
      await copyAll(join(serving, '300-resources'), crds)
      await copyFile(join(caching, 'image.yaml'), join(crds, 'image.yaml'))
      for (const kind of ['certificate', 'domain-claim', 'ingress', 'serverlessservice']) {
        await copyFile(join(networking, `${kind}.yaml`), join(crds, `${kind}.yaml`))
      }
      await copyAll(join(serving, 'configmaps'), config)
      await copyFile(join(networking, 'config-network.yaml'), join(config, 'config-network.yaml'))
    },
  },
}

async function copyAll(from: string, to: string): Promise<void> {
  for (const file of await readdir(from)) {
    if (file.endsWith('.yaml')) await copyFile(join(from, file), join(to, file))
  }
}

/** Go where it is usually installed; null where it is not. */
export const findGo = (environment: NodeJS.ProcessEnv): string | null =>
  findProgram('go', environment) ?? findProgram('go', {}, ['/usr/local/go/bin', '/usr/lib/go/bin'])

/** One builder at a time on a machine: the second one finds the first one's work in Go's cache. */
export async function buildPart(part: KubernetesPart, go: string, environment: NodeJS.ProcessEnv): Promise<string> {
  const recipe = recipes[part]
  const folder = cachedPart(part, environment)
  const source = sourceOf(part)
  const building = {
    ...environment,
    CGO_ENABLED: '0',
    GOFLAGS: [environment['GOFLAGS'] ?? '', '-modcacherw'].join(' ').trim(),
    GOTOOLCHAIN: environment['GOTOOLCHAIN'] ?? 'local',
    GOWORK: 'off',
  }
  const moduleFolder = async (module: string) =>
    (await output([go, 'list', '-m', '-f', '{{.Dir}}', module], source, building)).trim()
  await fillCache(folder, async (scratch) => {
    const variables = Object.entries(recipe.variables).map(([name, value]) => `-X ${name}=${value}`)
    const flags = ['-trimpath', '-mod=readonly', `-ldflags=${['-s', '-w', ...variables].join(' ')}`]
    const build = [go, 'build', ...flags, '-o', join(scratch, recipe.binary), '.'] as const
    await output([...oneAtATime(environment), ...build], source, building)
    for (const name of recipe.names) await symlink(recipe.binary, join(scratch, name))
    await recipe.lay(scratch, moduleFolder)
  })
  return folder
}

function oneAtATime(environment: NodeJS.ProcessEnv): string[] {
  const flock = findProgram('flock', environment)
  return flock === null ? [] : [flock, join(partsCache(environment), 'build.lock')]
}

function output(argv: readonly string[], folder: string, environment: NodeJS.ProcessEnv): Promise<string> {
  const [program = '', ...args] = argv
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: folder, env: environment, stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8')
    })
    child.once('error', reject)
    child.once('close', (code) =>
      code === 0 ? resolve(text) : reject(new Error(`${argv.join(' ')} ended with code ${code} in ${folder}`)),
    )
  })
}
