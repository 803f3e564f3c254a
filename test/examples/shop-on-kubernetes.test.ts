/**
 * The shop on a real control plane, with its own manifests: rolling updates that its author could not have. Nodes are
 * played, so nothing answers at a pod's address: what a customer sees is tested on a fleet (microservices-shop.test.ts).
 */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { DriftDocument, StatusDocument } from '../../src/reporting/index.ts'
import { containerToolMissing, createContainerStorage } from '../parts/container-tools.ts'
import { type Cluster, kubernetesMissing, startCluster } from '../parts/kubernetes/cluster.ts'
import { type RegistryPart, registryMissing, startRegistry } from '../parts/registry.ts'
import { openProject, type ProjectUnderTest } from '../system/project-under-test.ts'
import { exampleFiles, registryVariables } from './example-files.ts'

const folder = fileURLToPath(new URL('../../examples/microservices-shop', import.meta.url))
const services = ['carts', 'checkout', 'email', 'frontend', 'payment', 'products', 'shipping']
const password = 'password-that-nobody-may-see'
const skip = kubernetesMissing() || registryMissing()

test('the shop on Kubernetes', { skip, timeout: 600_000 }, async (t) => {
  const [cluster, registry] = await Promise.all([startCluster(), startRegistry()])
  const tools = createContainerStorage([registry.host])
  t.after(async () => {
    tools.stop()
    await Promise.all([cluster.stop(), registry.stop()])
  })
  await using project = await openShop(cluster, registry, tools.environment)
  const inStage = (...words: string[]) => cluster.kubectl('-n', 'shop-stage', ...words)
  const imagesOf = async (namespace: string) =>
    JSON.parse(
      `{${(
        await cluster.kubectl(
          ...['-n', namespace, 'get', 'deployments', '-o'],
          'jsonpath={range .items[*]}"{.metadata.name}":"{.spec.template.spec.containers[0].image}",{end}',
        )
      ).replace(/,$/, '')}}`,
    ) as Record<string, string>

  await t.test('databases stand in the namespace before the shop comes', async () => {
    await cluster.kubectl('create', 'namespace', 'shop-stage')
    await inStage('create', 'secret', 'generic', 'shop-data', `--from-literal=password=${password}`)
    await inStage('apply', '--kustomize', join(folder, 'deploy/data'))
    for (const name of ['redis', 'postgres'])
      await inStage('rollout', 'status', `statefulset/${name}`, '--timeout=120s')
  })

  await t.test('a push to main migrates, and brings seven services to stage by digest', async () => {
    assert.equal((await project.json(0, ['deliver'])).outcome, 'succeeded')
    const images = await imagesOf('shop-stage')
    assert.deepEqual(Object.keys(images).sort(), services)
    for (const image of Object.values(images)) assert.match(image, new RegExp(`^${registry.host}/shop@sha256:`))
    assert.ok((await stage(project)).services.every(({ instances }) => instances?.ready === 2))
    const { events } = await project.json<{ events: Array<{ kind: string }> }>(0, ['log', 'stage'])
    assert.equal(events.filter(({ kind }) => kind === 'hook-ended').length, 2, 'migrated, and a first assortment')
  })

  await t.test('services are given addresses of their neighbours, and secrets by Secrets alone', async () => {
    const checkout = JSON.parse(await inStage('get', 'deployment', 'checkout', '-o', 'json'))
    const [container] = checkout.spec.template.spec.containers
    const sources: Array<{ configMapRef?: { name: string }; secretRef?: { name: string } }> = container.envFrom
    const configMap = sources.find(({ configMapRef }) => configMapRef)?.configMapRef?.name ?? ''
    const secret = sources.find(({ secretRef }) => secretRef)?.secretRef?.name ?? ''
    const plain = JSON.parse(await inStage('get', 'configmap', configMap, '-o', 'json')).data
    assert.equal(plain.CARTS_URL, 'http://carts.shop-stage.svc:80')
    const kept = JSON.parse(await inStage('get', 'secret', secret, '-o', 'json')).data
    assert.equal(Buffer.from(kept.REDIS_URL, 'base64').toString(), redisUrl)
    assert.ok(!JSON.stringify(checkout).includes(password))
  })

  await t.test('one service changes: its pods are replaced one by one, and no others', async () => {
    const before = await podsByService(inStage)
    const fewest = watchCapacity(inStage, 'email')
    await project.push('be warmer', {
      'services/email/src/confirmation.ts': (await source('services/email/src/confirmation.ts')).replace(
        'Have a slow morning,',
        'Have a wonderfully slow morning,',
      ),
    })
    assert.equal((await project.json(0, ['deliver'])).outcome, 'succeeded')
    assert.ok((await fewest.stop()) >= 2, 'two were ready all the time')
    const after = await podsByService(inStage)
    for (const service of services) {
      if (service === 'email') assert.ok(after[service]?.every((pod) => !before[service]?.includes(pod)))
      else assert.deepEqual(after[service], before[service], service)
    }
  })

  await t.test('pods that crash are told with the reason, and the shop stays what it was', async () => {
    const images = await imagesOf('shop-stage')
    const manifest = await source('deploy/services/payment.yaml')
    await project.push('break payment', {
      'deploy/services/payment.yaml': manifest.replace(
        '      annotations:\n',
        '      annotations:\n        trunkline.test/broken: "true"\n        trunkline.test/log: "no till"\n',
      ),
    })
    const failed = await project.trunkline(['deliver'])
    assert.equal(failed.exitCode, 1, failed.stderr)
    assert.match(failed.stderr, /CrashLoopBackOff/)
    assert.match(failed.stderr, /no till/)
    assert.deepEqual(await imagesOf('shop-stage'), images)
    assert.ok((await stage(project)).services.every(({ instances }) => instances?.ready === 2))
    await project.push('mend payment', { 'deploy/services/payment.yaml': manifest })
    assert.equal((await project.json(0, ['deliver'])).outcome, 'succeeded')
  })

  await t.test('a tag and an approval carry the digests to prod, with the objects of the mesh', async () => {
    await defineIstio(cluster)
    await project.clone.tag('v1.0.0')
    await project.clone.push('origin', 'v1.0.0')
    assert.equal((await project.json(0, ['deliver', '--ref', 'v1.0.0'])).outcome, 'waiting')
    assert.equal((await project.json(0, ['approve', 'prod'])).outcome, 'succeeded')
    assert.deepEqual(await imagesOf('shop-prod'), await imagesOf('shop-stage'))
    const mesh = await cluster.kubectl(
      ...['-n', 'shop-prod', 'get', '-o', 'name'],
      'gateways.networking.istio.io,virtualservices,destinationrules,peerauthentications',
    )
    assert.deepEqual(mesh.trim().split('\n').sort(), [
      'destinationrule.networking.istio.io/shop',
      'gateway.networking.istio.io/shop',
      'peerauthentication.security.istio.io/shop',
      'virtualservice.networking.istio.io/frontend',
    ])
    const ingresses = await cluster.kubectl('get', 'ingress', '--all-namespaces', '-o', 'name')
    assert.equal(ingresses.trim(), 'ingress.networking.k8s.io/frontend', 'stage alone has one')
  })

  await t.test('what someone changes by hand is told, and by whom', async () => {
    assert.deepEqual((await project.json<DriftDocument>(0, ['diff', 'prod'])).drift, [])
    await cluster.kubectl('-n', 'shop-prod', 'scale', 'deployment/carts', '--replicas=1')
    const { drift } = await project.json<DriftDocument>(1, ['diff', 'prod', '--check'])
    assert.deepEqual(
      drift.map(({ service, fields }) => [service, fields.map(({ path, by }) => [path, by?.name])]),
      [['carts', [['spec.replicas', 'kubectl']]]],
    )
  })
})

const redisUrl = `redis://:${password}@redis:6379`

async function openShop(
  cluster: Cluster,
  registry: RegistryPart,
  tools: Record<string, string>,
): Promise<ProjectUnderTest> {
  const files = Object.fromEntries(await exampleFiles(folder))
  const { 'trunkline.kubernetes.yaml': configuration = '', ...others } = files
  const databaseUrl = `postgresql://shop:${password}@postgres:5432/shop`
  return openProject({
    files: { ...others, 'trunkline.yaml': fitted(configuration, registry.host) },
    environment: {
      ...registryVariables(),
      ...tools,
      KUBECONFIG: cluster.kubeconfig,
      ...Object.fromEntries(
        ['STAGE', 'PROD'].flatMap((prefix) => [
          [`${prefix}_DATABASE_URL`, databaseUrl],
          [`${prefix}_REDIS_URL`, redisUrl],
          [`${prefix}_PAYMENT_KEY`, 'key'],
        ]),
      ),
    },
  })
}

/**
 * This registry; no verification, for nothing answers here; no checks, which the other test of the shop runs; and no base,
 * which cannot be had here. Products is built by its Dockerfile where there is a tool for it, the others are put together
 * from the same files.
 */
function fitted(configuration: string, registry: string): string {
  const withTool = containerToolMissing('podman') === false
  return configuration
    .replace('registry.example.com', registry)
    .replaceAll(/^ {4}(?:checks|checkInputs): .*\n/gm, '')
    .replaceAll(/^ {4}verify: .*\n(?: {6}- .*\n)*/gm, '')
    .replaceAll(/dockerfile: deploy\/Dockerfile.* SERVICE: (\w+) \}/g, (whole, service: string) =>
      service === 'products' && withTool
        ? whole.replace('{ SERVICE', '{ BASE: scratch, SERVICE')
        : `base: scratch, from: services/${service}, include: [dist/**, migrations/**, assets/**], entrypoint: [node, dist/main.cjs]`,
    )
}

const source = (path: string) => readFile(join(folder, path), 'utf8')

async function stage(project: ProjectUnderTest) {
  const [found] = (await project.json<StatusDocument>(0, ['status', 'stage'])).environments
  assert.ok(found)
  return found
}

async function podsByService(kubectl: (...words: string[]) => Promise<string>): Promise<Record<string, string[]>> {
  const { items } = JSON.parse(await kubectl('get', 'pods', '-o', 'json')) as {
    items: Array<{ metadata: { name: string; labels: Record<string, string>; deletionTimestamp?: string } }>
  }
  const pods: Record<string, string[]> = {}
  for (const { metadata } of items) {
    if (metadata.deletionTimestamp !== undefined) continue
    const service = metadata.labels['app'] ?? ''
    pods[service] = [...(pods[service] ?? []), metadata.name].sort()
  }
  return pods
}

/** The fewest ready pods of a service that anyone saw meanwhile. */
function watchCapacity(kubectl: (...words: string[]) => Promise<string>, service: string) {
  let isOver = false
  let fewest = Number.POSITIVE_INFINITY
  const watching = (async () => {
    while (!isOver) {
      const ready = await kubectl('get', 'deployment', service, '-o', 'jsonpath={.status.readyReplicas}')
      fewest = Math.min(fewest, Number(ready || 0))
    }
  })()
  return {
    async stop() {
      isOver = true
      await watching
      return fewest
    },
  }
}

/** The kinds of Istio that the manifests use. No controller of Istio runs here: the objects are taken, nothing more. */
async function defineIstio(cluster: Cluster): Promise<void> {
  const kinds = [
    ['networking.istio.io', 'Gateway', 'gateways'],
    ['networking.istio.io', 'VirtualService', 'virtualservices'],
    ['networking.istio.io', 'DestinationRule', 'destinationrules'],
    ['security.istio.io', 'PeerAuthentication', 'peerauthentications'],
  ] as const
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }
  await cluster.apply(
    ...kinds.map(([group, kind, plural]) => ({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `${plural}.${group}` },
      spec: {
        group,
        scope: 'Namespaced',
        names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
        versions: [{ name: 'v1', served: true, storage: true, schema }],
      },
    })),
  )
  for (const [group, , plural] of kinds)
    await cluster.kubectl('wait', '--for=condition=Established', `crd/${plural}.${group}`, '--timeout=60s')
}
