/** The functions of the story: where AWS is at hand an emulator runs them, and this looks them up there. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GetAliasCommand, GetFunctionConfigurationCommand, InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { HeadObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { parseDocument } from 'yaml'
import type { LabAws } from '../../lab.ts'
import { expect } from '../../story.ts'
import { openLabAccount } from '../lab-account.ts'
import type { EnvironmentOfStory } from './stage-set.ts'

/** By `run.lambda`, and by the Serverless framework. */
export const functions = ['stamps', 'receipts'] as const

export type FunctionOfStory = (typeof functions)[number]

export type LiveFunction = {
  /** The version that callers reach. */
  version: string
  /** SHA-256 of its zip, as Lambda says it. */
  code: string
  /** Where the environment says orders is; null where the function is told nothing. */
  ordersUrl: string | null
}

export type Functions = {
  live(name: FunctionOfStory, environment: EnvironmentOfStory): Promise<LiveFunction>
  /** What the function answers to an order. */
  asked(name: FunctionOfStory, environment: EnvironmentOfStory): Promise<unknown>
  /** The commit that is written down with a zip in S3; `code` as Lambda says it. */
  commitOf(code: string): Promise<string>
  close(): Promise<void>
}

/** As the example has them. */
const written = { account: '111122223333', region: 'eu-west-1', bucket: 'shared-serverless-artifacts' }
const order = { order: 'o-1', email: 'ada@example.com', language: 'en', lines: ['4 × Rye loaf'], totalCents: 1_960 }

/** `example` is where the example is: it says what an account has to have first. */
export async function openFunctions(lab: LabAws, example: string): Promise<Functions> {
  const { aws, options, makeStack, publish } = await openLabAccount(lab, written.region)
  const template = await readFile(join(example, 'infra/functions.yaml'), 'utf8')
  const { Bucket } = await makeStack('orders-functions', await publish('functions.yaml', template))
  const lambda = aws.client(LambdaClient)

  /** What callers name: of the framework's functions the function itself. */
  const nameOf = (name: FunctionOfStory, environment: EnvironmentOfStory) =>
    name === 'stamps' ? `orders-${environment}-stamps:live` : `receipts-${environment}-write`

  async function versionOf(name: FunctionOfStory, environment: EnvironmentOfStory): Promise<string> {
    if (name !== 'stamps') return '$LATEST'
    const alias = new GetAliasCommand({ FunctionName: `orders-${environment}-stamps`, Name: 'live' })
    return (await aws.send(lambda, alias, options())).FunctionVersion ?? ''
  }

  return {
    async live(name, environment) {
      const [FunctionName = '', alias] = nameOf(name, environment).split(':')
      const get = new GetFunctionConfigurationCommand({
        FunctionName,
        ...(alias !== undefined && { Qualifier: alias }),
      })
      const { CodeSha256 = '', Environment } = await aws.send(lambda, get, options())
      return {
        ...{ version: await versionOf(name, environment), code: CodeSha256 },
        ordersUrl: Environment?.Variables?.['ORDERS_URL'] ?? null,
      }
    },
    async asked(name, environment) {
      const invoke = new InvokeCommand({ FunctionName: nameOf(name, environment), Payload: JSON.stringify(order) })
      const { Payload, FunctionError } = await aws.send(lambda, invoke, options())
      const said = Buffer.from(Payload ?? []).toString('utf8')
      expect(FunctionError === undefined, `${name} answers in ${environment}: ${said}`)
      return JSON.parse(said)
    },
    async commitOf(code) {
      const Key = `functions/${Buffer.from(code, 'base64').toString('hex')}.zip`
      const { Metadata } = await aws.send(aws.client(S3Client), new HeadObjectCommand({ Bucket, Key }), options())
      return Metadata?.['commit'] ?? ''
    },
    close: () => aws.close(),
  }
}

/** The example's configuration for the lab's account. */
export const fittedToAccount = (configuration: string, { account, endpoint }: LabAws): string =>
  configuration
    .replaceAll(written.account, account)
    .replace(`aws: { region: ${written.region},`, `aws: { region: ${written.region}, endpoint: "${endpoint}",`)

/** The example's configuration where there is no AWS: the services that are functions are left out. */
export function withoutFunctions(configuration: string): string {
  const document = parseDocument(configuration)
  for (const name of functions) document.deleteIn(['services', name])
  for (const path of [['aws'], ['tools'], ['environments', 'stage', 'targets', 'functions']]) document.deleteIn(path)
  return document.toString({ lineWidth: 0 })
}
