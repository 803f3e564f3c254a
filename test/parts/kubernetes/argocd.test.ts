import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startGitHttpServer } from '../git-http-server.ts'
import { redisMissing } from '../redis.ts'
import { type ArgoCd, startArgoCd } from './argocd.ts'
import { type Cluster, kubernetesMissing, startCluster } from './cluster.ts'

const missing = kubernetesMissing(['kubelab', 'argocd']) || redisMissing()

describe('Argo CD beside a cluster of a test', { skip: missing, timeout: 300_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'trunkline-argocd-'))
  const work = join(folder, 'work')
  let cluster: Cluster
  let argo: ArgoCd

  const git = (...args: string[]) =>
    execFileSync('git', ['-C', work, '-c', 'user.name=Ann', '-c', 'user.email=ann@example.test', ...args], {
      env: { PATH: process.env['PATH'], GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim()
  const commit = (image: string) => {
    const template = {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'main', image }] },
    }
    const spec = { replicas: 2, progressDeadlineSeconds: 5, selector: { matchLabels: { app: 'web' } }, template }
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec }
    writeFileSync(join(work, 'web.yaml'), JSON.stringify(deployment))
    git('add', '--all')
    git('commit', '--quiet', '--message', image)
    git('push', '--quiet', join(folder, 'deploy.git'), 'HEAD:main')
    return git('rev-parse', 'HEAD')
  }

  before(async () => {
    mkdirSync(work)
    git('init', '--quiet', '--initial-branch=main')
    git('init', '--quiet', '--bare', '--initial-branch=main', join(folder, 'deploy.git'))
    cluster = await startCluster()
    argo = await startArgoCd(cluster)
  })
  after(async () => {
    await argo?.stop()
    await cluster?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  test('syncs commits of a repository on disk, calls a broken one degraded and heals', async () => {
    const first = commit('registry.test/web:1')
    await argo.application({ name: 'disk', repository: `file://${folder}/deploy.git`, namespace: 'disk' })
    await argo.until('disk', { sync: 'Synced', health: 'Healthy', revision: first })
    const broken = commit('registry.test/web:broken')
    await argo.refresh('disk')
    await argo.until('disk', { sync: 'Synced', health: 'Degraded', revision: broken })
    const repaired = commit('registry.test/web:2')
    await argo.refresh('disk')
    const application = await argo.until('disk', { sync: 'Synced', health: 'Healthy', revision: repaired })
    assert.equal(application['status'].summary.images[0], 'registry.test/web:2')
  })

  test('syncs from a git server that asks for a password', async () => {
    const credentials = { user: 'argo', password: 'pass word/1' }
    await using server = await startGitHttpServer({ root: folder, credentials })
    await argo.credentials(server.url, credentials.user, credentials.password)
    const revision = commit('registry.test/web:3')
    await argo.application({ name: 'http', repository: `${server.url}/deploy.git`, namespace: 'http' })
    await argo.until('http', { sync: 'Synced', health: 'Healthy', revision })
    assert.ok(server.requests.some(({ path }) => path.endsWith('/git-upload-pack')))
  })
})
