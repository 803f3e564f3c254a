/** Where functions of one environment are: its account and region, their names and settings. */
import type { Aws } from '../../aws/index.ts'
import {
  type AwsAccess,
  type EnvironmentName,
  type FunctionSettings,
  fillIn,
  type LambdaConfig,
  type ServiceName,
} from '../../model/index.ts'
import type { Clock } from '../../ports/index.ts'

export type Place = {
  aws: Aws
  access: AwsAccess
  /** Of an emulator or a private network; null: AWS's own. */
  endpoint: string | null
  clock: Clock
  config: LambdaConfig
  project: string
  environment: EnvironmentName
  bucket: string
  /** Callers name it. */
  alias: string
  /** Leads to a new version before it gets requests. */
  previewAlias: string
  functionOf(service: ServiceName): string
  settingsOf(service: ServiceName): FunctionSettings
  /** What the target says about where it is reached; null: nothing. */
  urlOf(service: ServiceName): string | null
  /** Of the object that holds what Trunkline remembers of the environment. */
  recordKey: string
  /** Of the object that tells of a job; `name` is made of its key. */
  jobKey(name: string, part: 'started' | 'ended'): string
}

export type PlaceOptions = Pick<Place, 'aws' | 'access' | 'endpoint' | 'clock' | 'config' | 'project' | 'environment'>

export function placeOf({ aws, access, endpoint, clock, config, project, environment }: PlaceOptions): Place {
  const own = { project, environment }
  const alias = fillIn(config.alias, own)
  const scope = `${project}/${environment}`
  return {
    ...{ aws, access, endpoint, clock, config, project, environment, alias },
    previewAlias: `${alias}-preview`,
    bucket: fillIn(config.bucket, own),
    functionOf: (service) => fillIn(config.function, { ...own, service }),
    settingsOf: (service) => settingsOf(config, { ...own, service }),
    urlOf: (service) => (config.url === null ? null : fillIn(config.url, { ...own, service })),
    recordKey: `${config.prefix}/records/${scope}.json`,
    jobKey: (name, part) => `${config.prefix}/jobs/${scope}/${name}/${part}.json`,
  }
}

type Names = { project: string; environment: string; service: string }

function settingsOf(config: LambdaConfig, names: Names): FunctionSettings {
  const own = Object.hasOwn(config.functions, names.service) ? config.functions[names.service] : undefined
  const { role, layers, network, alarms } = { ...config, ...own }
  return {
    ...{ layers, network },
    role: role === null ? null : fillIn(role, names),
    alarms: alarms.map((alarm) => fillIn(alarm, names)),
  }
}
