/** Pure: what a function shall be, and where it is something else. */
import type { FunctionConfiguration, Runtime } from '@aws-sdk/client-lambda'
import {
  type FunctionSettings,
  type LambdaRun,
  type Run,
  refusedError,
  type ServiceName,
  usageError,
} from '../../../model/index.ts'

export type WantedFunction = {
  name: string
  /** Base64 of the zip's SHA-256. */
  codeSha256: string
  architecture: LambdaRun['architecture']
  handler: string
  runtime: Runtime
  memoryMb: number
  timeoutS: number
  storageMb: number
  variables: Record<string, string>
  /** null in these: whatever it has. */
  role: string | null
  layers: string[] | null
  network: FunctionSettings['network']
}

/** Lambda's limit for all variables together, names and values. */
const maxVariablesBytes = 4096
/** Lambda gives these itself. */
const reserved =
  /^(?:_HANDLER|_X_AMZN_TRACE_ID|AWS_(?:DEFAULT_REGION|REGION|EXECUTION_ENV|LAMBDA_.*|ACCESS_KEY(?:_ID)?|SECRET_ACCESS_KEY|SESSION_TOKEN)|LAMBDA_(?:TASK_ROOT|RUNTIME_DIR))$/

export function lambdaRunOf(service: ServiceName, { run }: { run: Run | null }): LambdaRun {
  if (run?.kind === 'lambda') return run
  throw usageError('WRONG_PLATFORM', `${service} does not run as a function`, {
    hint: 'give it `run: { lambda: { handler: …, runtime: … } }` in trunkline.yaml',
  })
}

export function wantedFunction(options: {
  service: ServiceName
  name: string
  run: LambdaRun
  settings: FunctionSettings
  codeSha256: string
  variables: Record<string, string>
}): WantedFunction {
  const { service, name, run, settings, codeSha256, variables } = options
  checkVariables(service, variables)
  const { architecture, handler, runtime, memoryMb, storageMb, timeoutMs } = run
  const { role, layers, network } = settings
  return {
    ...{ name, codeSha256, architecture, handler, memoryMb, storageMb, variables, role, layers, network },
    timeoutS: timeoutMs / 1000,
    runtime: runtime as Runtime, // AWS adds runtimes faster than its SDK lists them, and refuses those it does not have.
  }
}

function checkVariables(service: ServiceName, variables: Record<string, string>): void {
  const taken = Object.keys(variables).find((name) => reserved.test(name))
  if (taken !== undefined) {
    throw refusedError('VARIABLE_RESERVED', `${service} is given ${taken}, which Lambda sets itself`, {
      hint: 'call it something else',
    })
  }
  const bytes = Object.entries(variables).reduce((sum, [name, value]) => sum + Buffer.byteLength(name + value), 0)
  if (bytes <= maxVariablesBytes) return
  throw refusedError('VARIABLES_TOO_LARGE', `the variables of ${service} take ${bytes} bytes, and Lambda takes 4096`, {
    hint: 'leave large ones in Parameter Store or Secrets Manager, and let the function read them',
  })
}

/** As the API takes it, beside name and code. */
export function configurationOf(wanted: WantedFunction) {
  const { handler, runtime, memoryMb, timeoutS, storageMb, variables, role, layers, network } = wanted
  return {
    Handler: handler,
    Runtime: runtime,
    MemorySize: memoryMb,
    Timeout: timeoutS,
    EphemeralStorage: { Size: storageMb },
    Environment: { Variables: variables },
    ...(role === null ? {} : { Role: role }),
    ...(layers === null ? {} : { Layers: layers }),
    ...(network === null
      ? {}
      : { VpcConfig: { SubnetIds: network.subnets, SecurityGroupIds: network.securityGroups } }),
  }
}

export type Difference = { path: string; expected: unknown; actual: unknown }

/** What stands in the way of `live` being what is wanted; code first. Values of variables are in none of it. */
export const differencesOf = (live: FunctionConfiguration, wanted: WantedFunction): Difference[] => [
  ...codeDifferences(live, wanted),
  ...settingDifferences(live, wanted),
]

export const codeDifferences = (live: FunctionConfiguration, wanted: WantedFunction): Difference[] =>
  compared([
    ['code', wanted.codeSha256, live.CodeSha256],
    ['architecture', wanted.architecture, live.Architectures?.[0] ?? 'x86_64'],
  ])

export function settingDifferences(live: FunctionConfiguration, wanted: WantedFunction): Difference[] {
  const { role, layers, network } = wanted
  return [
    ...compared([
      ['handler', wanted.handler, live.Handler],
      ['runtime', wanted.runtime, live.Runtime],
      ['memory', wanted.memoryMb, live.MemorySize],
      ['timeout', wanted.timeoutS, live.Timeout],
      ['storage', wanted.storageMb, live.EphemeralStorage?.Size ?? 512],
      ...(role === null ? [] : [['role', role, live.Role] as const]),
      ...(layers === null ? [] : [['layers', layers, (live.Layers ?? []).map(({ Arn }) => Arn)] as const]),
      ...(network === null
        ? []
        : [
            ['subnets', network.subnets.toSorted(), (live.VpcConfig?.SubnetIds ?? []).toSorted()] as const,
            [
              'security groups',
              network.securityGroups.toSorted(),
              (live.VpcConfig?.SecurityGroupIds ?? []).toSorted(),
            ] as const,
          ]),
    ]),
    ...variableDifferences(live.Environment?.Variables ?? {}, wanted.variables),
  ]
}

function variableDifferences(live: Record<string, string>, wanted: Record<string, string>): Difference[] {
  const names = [...new Set([...Object.keys(live), ...Object.keys(wanted)])].sort()
  return names.flatMap((name) => {
    if (live[name] === wanted[name]) return []
    const actual = live[name] === undefined ? 'missing' : wanted[name] === undefined ? 'present' : 'another value'
    return [{ path: `variable ${name}`, expected: wanted[name] === undefined ? 'missing' : 'its value', actual }]
  })
}

const compared = (fields: ReadonlyArray<readonly [path: string, expected: unknown, actual: unknown]>): Difference[] =>
  fields.flatMap(([path, expected, actual]) =>
    JSON.stringify(expected) === JSON.stringify(actual) ? [] : [{ path, expected, actual: actual ?? null }],
  )
