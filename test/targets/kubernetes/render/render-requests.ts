import type { KubernetesObject } from '../../../../src/kubernetes-api/index.ts'
import type { ContainerRun, Digest, KubernetesConfig, KubernetesRun, Run } from '../../../../src/model/index.ts'
import type { RenderRequest } from '../../../../src/targets/kubernetes/render/render-request.ts'

export const digest = `sha256:${'a'.repeat(64)}` as Digest
export const otherDigest = `sha256:${'b'.repeat(64)}` as Digest
export const imageOf = (wanted: Digest): string => `registry.test/shop@${wanted}`

const config: KubernetesConfig = {
  clusters: [{ kubeconfig: null, context: null }],
  namespace: 'shop-stage',
  createNamespace: true,
  replicas: 2,
  pullFrom: null,
  url: null,
  conflicts: 'fail',
  drift: 'report',
  timeoutMs: 600_000,
  serviceAccount: null,
}

export const kubernetesRun = (change: Partial<KubernetesRun> = {}): KubernetesRun => ({
  description: { kind: 'generated' },
  images: { web: 'web' },
  variables: { kind: 'inject' },
  ...change,
})

export const containerRun = (kubernetes: Partial<KubernetesRun>, change: Partial<ContainerRun> = {}): ContainerRun => ({
  kind: 'container',
  containerPort: null,
  port: null,
  health: null,
  args: [],
  startTimeoutMs: 60_000,
  drainTimeoutMs: 30_000,
  kubernetes: kubernetesRun(kubernetes),
  ...change,
})

export type Change = Partial<Omit<RenderRequest, 'desired' | 'config' | 'files'>> & {
  run?: Run
  env?: RenderRequest['desired']['env']
  images?: Record<string, Digest>
  config?: Partial<KubernetesConfig>
  files?: Record<string, string>
}

export function renderRequest({ run, env, images, config: changed, files, ...rest }: Change = {}): RenderRequest {
  return {
    project: 'shop',
    environment: 'stage',
    service: 'web',
    namespace: 'shop-stage',
    config: { ...config, ...changed },
    desired: {
      artifact: digest,
      generation: 'one',
      run: run ?? containerRun({}),
      env: env ?? {},
      fingerprint: null,
      deploy: { files: {}, images: images ?? { web: digest } },
    },
    strategy: 'half',
    files: new Map(Object.entries(files ?? {}).map(([path, text]) => [path, Buffer.from(text)])),
    variables: {},
    fingerprintKey: Buffer.from('key'),
    imageOf,
    environmentVariables: process.env,
    signal: new AbortController().signal,
    ...rest,
  }
}

/** Reads into objects whose shape a test knows. */
export function at(object: unknown, ...path: ReadonlyArray<string | number>): unknown {
  return path.reduce<unknown>(
    (value, step) => (typeof value === 'object' && value !== null ? Reflect.get(value, step) : undefined),
    object,
  )
}

export function named(objects: readonly KubernetesObject[], kind: string): KubernetesObject {
  const found = objects.find((object) => object.kind === kind)
  if (found === undefined) throw new Error(`no ${kind} among ${objects.map((object) => object.kind).join(', ')}`)
  return found
}
