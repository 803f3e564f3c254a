/** The variables of a service as objects of a cluster. Their names change with their content, and so roll exactly their users. */
import { createHash, createHmac } from 'node:crypto'
import { canonicalJson } from '../../../hashing/index.ts'
import type { KubernetesObject } from '../../../kubernetes-api/index.ts'
import type { ServiceName } from '../../../model/index.ts'
import { fitting } from '../names.ts'
import type { RenderRequest } from './render-request.ts'

export type Values = Readonly<Record<string, string>>
export type ServiceVariables = { plain: Values; secret: Values }

/** Every service is reached here from the others, whatever port its container listens on. */
export const servicePort = 80

/** `http://carts.shop-stage.svc:80`: of a generated Service, a Knative one, or one that a description calls so. */
export const serviceUrl = (service: ServiceName, namespace: string): string =>
  `http://${service}.${namespace}.svc:${servicePort}`

export type VariablesRequest = Pick<RenderRequest, 'service' | 'namespace' | 'desired' | 'variables' | 'fingerprintKey'>

export function variablesOf({ desired, variables, namespace }: VariablesRequest): ServiceVariables {
  const values: Record<string, string> = { ...variables }
  const secrets = new Set<string>()
  for (const [name, variable] of Object.entries(desired.env)) {
    if (variable.kind === 'value') values[name] = variable.value
    if (variable.kind === 'service') values[name] = serviceUrl(variable.service, namespace)
    if (variable.kind === 'from' || variable.kind === 'output') {
      if (values[name] === undefined && variable.default !== null) values[name] = variable.default
      if (variable.secret) secrets.add(name)
    }
  }
  const entries = Object.entries(values).sort(([left], [right]) => (left < right ? -1 : 1))
  return {
    plain: Object.fromEntries(entries.filter(([name]) => !secrets.has(name))),
    secret: Object.fromEntries(entries.filter(([name]) => secrets.has(name))),
  }
}

export type VariableObjects = {
  configMap: KubernetesObject
  secret: KubernetesObject
  /** Whether they hold anything. */
  hasPlain: boolean
  hasSecret: boolean
}

export function variableObjects(request: VariablesRequest): VariableObjects {
  const { service, fingerprintKey } = request
  const { plain, secret } = variablesOf(request)
  const plainHash = createHash('sha256').update(canonicalJson(plain)).digest('hex')
  const secretHash = createHmac('sha256', fingerprintKey).update(canonicalJson(secret)).digest('hex')
  const encoded = Object.entries(secret).map(([name, value]) => [name, Buffer.from(value, 'utf8').toString('base64')])
  return {
    configMap: {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: nameFor(`${service}-env`, plainHash) },
      immutable: true,
      data: plain,
    },
    secret: {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: nameFor(`${service}-secret`, secretHash) },
      type: 'Opaque',
      immutable: true,
      data: Object.fromEntries(encoded),
    },
    hasPlain: Object.keys(plain).length > 0,
    hasSecret: Object.keys(secret).length > 0,
  }
}

const hashLength = 10
const nameFor = (stem: string, hash: string): string => `${fitting(stem, 200)}-${hash.slice(0, hashLength)}`
