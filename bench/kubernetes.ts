/**
 * 100 services on one cluster, all with another image at once: applied and watched to health by one process, beside
 * `kubectl apply` with `kubectl rollout status` and `helm upgrade --wait` in a loop. Then 1,000 objects looked through
 * for changes by hand, beside `kubectl diff` of 200. A real control plane; pods are played by kwok.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KubernetesObject } from '../src/kubernetes-api/index.ts'
import { sessionOpener } from '../src/kubernetes-api/session.ts'
import type { Digest } from '../src/model/index.ts'
import { findDrift } from '../src/targets/kubernetes/drift/find-drift.ts'
import { rollOut } from '../src/targets/kubernetes/rollout/roll-out.ts'
import { kubernetesMissing, startCluster } from '../test/parts/kubernetes/cluster.ts'
import { helm, kubectl, kubernetesToolsMissing } from '../test/parts/kubernetes/tools.ts'
import { measureInTurns, type Row, runCommand } from './measuring/measure.ts'
import { printReport } from './measuring/report.ts'
import { scratchFolder } from './measuring/scratch.ts'

const services = Array.from({ length: 100 }, (_, index) => `service-${index}`)
/** Of a hundred: the loop is as long as it is. */
const helmCount = 5
const { signal } = new AbortController()
const missing = kubernetesMissing() || kubernetesToolsMissing()
if (missing !== false) {
  printReport({ bench: 'kubernetes', about: '', rows: [], skipped: [{ name: 'everything', why: missing }], notes: [] })
  process.exit(0)
}
using scratch = scratchFolder()
const cluster = await startCluster()
scratch.endings.push(() => cluster.stop())
const environment = { ...scratch.environment, KUBECONFIG: cluster.kubeconfig }
const place = (namespace: string) => ({ project: 'bench', environment: 'stage', namespace })

function objectsOf(service: string, image: string): KubernetesObject[] {
  const labels = { app: service }
  const template = {
    metadata: { labels },
    spec: { containers: [{ name: 'main', image, ports: [{ containerPort: 8080 }] }] },
  }
  return [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: service, labels },
      spec: { replicas: 2, selector: { matchLabels: labels }, template },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: service, labels },
      spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] },
    },
  ]
}

async function rollOutAll(namespace: string, image: string): Promise<number> {
  const open = sessionOpener({ kubeconfig: cluster.kubeconfig, context: null }, { root: '/', variables: {} })
  const startedAt = performance.now()
  const session = await open(signal)
  const verdicts = await Promise.all(
    services.map((service) =>
      rollOut({
        ...{
          session,
          place: place(namespace),
          service,
          createNamespace: false,
          conflicts: 'fail' as const,
          timeoutMs: 300_000,
        },
        wanted: {
          generation: image,
          artifact: `sha256:${'a'.repeat(64)}` as Digest,
          fingerprint: null,
          objects: objectsOf(service, image),
        },
        context: { signal, epoch: 1, report: () => {}, log: () => {} },
      }),
    ),
  )
  const tookMs = performance.now() - startedAt
  await session.close()
  if (verdicts.some(({ ok }) => !ok)) throw new Error(JSON.stringify(verdicts.find(({ ok }) => !ok)))
  return tookMs
}

const run = (argv: readonly string[], exitCodes: readonly number[] = [0]) =>
  runCommand(argv, { cwd: scratch.path, environment, timeoutMs: 300_000, exitCodes })

async function kubectlAll(namespace: string, image: string): Promise<number> {
  const file = join(scratch.path, `${namespace}.json`)
  const items = services.flatMap((service) => objectsOf(service, image))
  writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
  const startedAt = performance.now()
  await run([kubectl(), '-n', namespace, 'apply', '--server-side', '-f', file])
  for (const service of services)
    await run([kubectl(), '-n', namespace, 'rollout', 'status', `deployment/${service}`, '--timeout=300s'])
  return performance.now() - startedAt
}

/** One chart for all of them: what is measured is the loop. */
function writeChart(): string {
  const folder = join(scratch.path, 'chart')
  mkdirSync(join(folder, 'templates'), { recursive: true })
  writeFileSync(join(folder, 'Chart.yaml'), 'apiVersion: v2\nname: service\nversion: 1.0.0\n')
  const [deployment, service] = objectsOf('{{ .Release.Name }}', '{{ .Values.image }}')
  writeFileSync(join(folder, 'templates', 'deployment.yaml'), JSON.stringify(deployment))
  writeFileSync(join(folder, 'templates', 'service.yaml'), JSON.stringify(service))
  return folder
}

async function helmSome(chart: string, namespace: string, image: string, count: number): Promise<number> {
  const startedAt = performance.now()
  for (const service of services.slice(0, count)) {
    await run([
      helm(),
      'upgrade',
      '--install',
      service,
      chart,
      '-n',
      namespace,
      '--set',
      `image=${image}`,
      '--wait',
      '--timeout',
      '300s',
    ])
  }
  return ((performance.now() - startedAt) / count) * services.length
}

/** A process of its own, as a command would be: its memory is what counts. */
async function driftOf(namespace: string): Promise<{ tookMs: number; peakMb: number }> {
  const script = new URL('./measuring/find-drift.ts', import.meta.url).pathname
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', script, cluster.kubeconfig, namespace],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  const code = await new Promise((resolve) => child.on('close', resolve))
  if (code !== 0) throw new Error(`looking for drift ended with ${code}`)
  return JSON.parse(text)
}

try {
  const chart = writeChart()
  const [ours, theirs, helms] = await Promise.all(['ours', 'theirs', 'helms'].map((name) => cluster.namespace(name)))
  if (ours === undefined || theirs === undefined || helms === undefined) throw new Error('no namespaces')
  let turn = 0
  await kubectlAll(theirs, 'shop:first')
  await rollOutAll(ours, 'shop:first')
  await helmSome(chart, helms, 'shop:first', helmCount)
  const rows: Row[] = [
    { name: 'trunkline, 100 services with another image', run: async () => await rollOutAll(ours, `shop:${++turn}`) },
    {
      name: 'kubectl apply --server-side, rollout status',
      run: async () => await kubectlAll(theirs, `shop:${++turn}`),
    },
    {
      name: 'helm upgrade --wait in a loop (5 measured, times 20)',
      run: async () => await helmSome(chart, helms, `shop:${++turn}`, helmCount),
    },
  ]
  const measured = await measureInTurns(rows, 2)

  const many = await cluster.namespace('many')
  const open = sessionOpener({ kubeconfig: cluster.kubeconfig, context: null }, { root: '/', variables: {} })
  const session = await open(signal)
  const maps = Array.from(
    { length: 1000 },
    (_, index): KubernetesObject => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `map-${index}` },
      data: { level: 'info', index: String(index) },
    }),
  )
  for (let index = 0; index < 10; index += 1) {
    const verdict = await rollOut({
      ...{
        session,
        place: place(many),
        service: `of-${index}`,
        createNamespace: false,
        conflicts: 'fail',
        timeoutMs: 60_000,
      },
      wanted: {
        generation: 'one',
        artifact: `sha256:${'a'.repeat(64)}` as Digest,
        fingerprint: null,
        objects: maps.slice(index * 100, index * 100 + 100),
      },
      context: { signal, epoch: 1, report: () => {}, log: () => {} },
    })
    if (!verdict.ok) throw new Error(JSON.stringify(verdict))
  }
  if ((await findDrift(session, place(many), null, signal)).length > 0) throw new Error('nothing was changed')
  await session.close()
  const file = join(scratch.path, 'maps.json')
  writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: maps.slice(0, 200) }))
  let peakMb = 0
  const drift = await measureInTurns(
    [
      {
        name: 'trunkline, drift of 1,000 objects, a process of its own',
        run: async () => {
          const found = await driftOf(many)
          peakMb = Math.max(peakMb, found.peakMb)
          return found.tookMs
        },
      },
      {
        name: 'kubectl diff of 200 of them',
        run: async () => {
          await run([kubectl(), '-n', many, 'diff', '--server-side', '--field-manager=trunkline', '-f', file], [0, 1])
          return undefined
        },
      },
    ],
    3,
  )
  printReport({
    bench: 'kubernetes',
    about: '100 services of two pods and a Service each; a real control plane, pods played by kwok',
    rows: [...measured, ...drift],
    skipped: [],
    notes: [`looking for drift: ${Math.round(peakMb)} MB at its peak`],
    figures: { driftPeakMb: peakMb },
  })
} finally {
  await cluster.stop()
}
