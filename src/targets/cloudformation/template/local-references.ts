/** Where a template may name a file or folder beside it: what `aws cloudformation package` knows of. */
import { isMap, isPair, isScalar, type Node, type Pair, type YAMLMap } from 'yaml'
import type { Json } from '../../../model/index.ts'
import { isFunction, mapAt, type Template } from './parse-template.ts'

export type Uploaded = { bucket: string; key: string; url: string }

export type LocalReference = {
  /** Of the resource. */
  name: string
  type: string
  property: string
  /** As written, beside the template. */
  path: string
  pair: Pair<unknown, Node | null>
  kind: ReferenceKind
}

export type ReferenceKind = {
  /** `zip`: a folder is packed; `template`: a nested one, packaged itself; `file`: as it is. */
  packs: 'zip' | 'file' | 'template'
  /** As the property takes it. */
  write(uploaded: Uploaded): Json
}

const uri = ({ bucket, key }: Uploaded): Json => `s3://${bucket}/${key}`
const pair =
  (bucketName: string, keyName: string) =>
  ({ bucket, key }: Uploaded): Json => ({ [bucketName]: bucket, [keyName]: key })

const zip = (write: ReferenceKind['write']): ReferenceKind => ({ packs: 'zip', write })
const file = (write: ReferenceKind['write']): ReferenceKind => ({ packs: 'file', write })
const nested: ReferenceKind = { packs: 'template', write: ({ url }) => url }

/** Type to its properties, by their paths below `Properties`. */
const kinds: Readonly<Record<string, Readonly<Record<string, ReferenceKind>>>> = {
  'AWS::ApiGateway::RestApi': { BodyS3Location: file(pair('Bucket', 'Key')) },
  'AWS::ApiGatewayV2::Api': { BodyS3Location: file(pair('Bucket', 'Key')) },
  'AWS::AppSync::FunctionConfiguration': {
    CodeS3Location: file(uri),
    RequestMappingTemplateS3Location: file(uri),
    ResponseMappingTemplateS3Location: file(uri),
  },
  'AWS::AppSync::GraphQLSchema': { DefinitionS3Location: file(uri) },
  'AWS::AppSync::Resolver': {
    CodeS3Location: file(uri),
    RequestMappingTemplateS3Location: file(uri),
    ResponseMappingTemplateS3Location: file(uri),
  },
  'AWS::CloudFormation::Stack': { TemplateURL: nested },
  'AWS::ElasticBeanstalk::ApplicationVersion': { SourceBundle: zip(pair('S3Bucket', 'S3Key')) },
  'AWS::Glue::Job': { 'Command.ScriptLocation': file(uri) },
  'AWS::Lambda::Function': { Code: zip(pair('S3Bucket', 'S3Key')) },
  'AWS::Lambda::LayerVersion': { Content: zip(pair('S3Bucket', 'S3Key')) },
  'AWS::Serverless::Api': { DefinitionUri: file(uri) },
  'AWS::Serverless::Application': { Location: nested },
  'AWS::Serverless::Function': { CodeUri: zip(uri) },
  'AWS::Serverless::HttpApi': { DefinitionUri: file(uri) },
  'AWS::Serverless::LayerVersion': { ContentUri: zip(uri) },
  'AWS::Serverless::StateMachine': { DefinitionUri: file(uri) },
  'AWS::StepFunctions::StateMachine': { DefinitionS3Location: file(pair('Bucket', 'Key')) },
}

/** Everything that the template says lies beside it. */
export function localReferences({ resources }: Template): LocalReference[] {
  return [...resources].flatMap(([name, { type, node }]) =>
    Object.entries(kinds[type] ?? {}).flatMap(([property, kind]): LocalReference[] => {
      const pair = propertyAt(node, property)
      if (!isScalar(pair?.value) || isFunction(pair.value)) return []
      const path = String(pair.value.value)
      return isRemote(path) ? [] : [{ name, type, property, path, pair, kind }]
    }),
  )
}

/** The property that a function or layer takes its code by; null: no such resource, or it takes none. */
export function codeReference(
  { resources }: Template,
  name: string,
): {
  type: string
  node: YAMLMap
  property: string
  kind: ReferenceKind
  pair: Pair<unknown, Node | null> | null
} | null {
  const resource = resources.get(name)
  if (resource === undefined) return null
  const [property, kind] = Object.entries(kinds[resource.type] ?? {}).find(([, { packs }]) => packs === 'zip') ?? []
  if (property === undefined || kind === undefined) return null
  return { type: resource.type, node: resource.node, property, kind, pair: propertyAt(resource.node, property) }
}

const isRemote = (path: string): boolean => /^(?:s3|https?):\/\//.test(path)

function propertyAt(resource: YAMLMap, path: string): Pair<unknown, Node | null> | null {
  const steps = path.split('.')
  let map = mapAt(resource, 'Properties')
  for (const step of steps.slice(0, -1)) map = map === null ? null : mapAt(map, step)
  const last = steps.at(-1)
  const found = map?.items.find(({ key }) => isScalar(key) && key.value === last)
  return found !== undefined && isPair(found) && (isScalar(found.value) || isMap(found.value))
    ? (found as Pair<unknown, Node | null>)
    : null
}
