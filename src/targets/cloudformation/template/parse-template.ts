/**
 * What Trunkline must know of a template: its parameters, and of each resource its type, what keeps it, and what it
 * refers to. Values stay the text that they are, and short forms (`!Ref`) their tags: CloudFormation reads YAML 1.1, and
 * a number or `yes` that went through YAML 1.2 would not be the same any more.
 */
import { type Document, isMap, isScalar, LineCounter, type Node, parseDocument, type YAMLMap } from 'yaml'
import { isTooDeepToParse } from '../../../config/yaml-depth.ts'
import { failedError } from '../../../model/index.ts'

export type Template = {
  /** For people: its path in the artifact. */
  file: string
  text: string
  document: Document.Parsed
  parameters: Map<string, TemplateParameter>
  resources: Map<string, TemplateResource>
  /** Macros: `AWS::Serverless-2016-10-31`. */
  transforms: string[]
}

export type TemplateParameter = { type: string; isSecret: boolean; hasDefault: boolean }

export type TemplateResource = {
  type: string
  /** As written; null: nothing, or something that only CloudFormation can tell. */
  deletionPolicy: string | null
  replacePolicy: string | null
  node: YAMLMap
}

/** Fails (`TEMPLATE_INVALID`) where it is no template, with the place. */
export function parseTemplate(text: string, file: string): Template {
  if (isTooDeepToParse(text)) throw invalid(file, 'it is nested too deeply')
  const lines = new LineCounter()
  const document = parseDocument(text, { schema: 'failsafe', lineCounter: lines, logLevel: 'silent' })
  const [error] = document.errors
  if (error !== undefined) {
    const [message = ''] = error.message.split('\n')
    throw invalid(file, message.replace(/ at line \d+, column \d+:?$/, ''), lines.linePos(error.pos[0]))
  }
  const root = document.contents
  if (!isMap(root)) throw invalid(file, 'it is no mapping')
  const resources = entriesOf(mapAt(root, 'Resources'))
  if (resources.length === 0) throw invalid(file, 'it has no `Resources`')
  return {
    file,
    text,
    document,
    parameters: new Map(
      entriesOf(mapAt(root, 'Parameters')).map(([name, node]) => [
        name,
        {
          type: textAt(node, 'Type') ?? 'String',
          isSecret: textAt(node, 'NoEcho')?.toLowerCase() === 'true',
          hasDefault: node.has('Default'),
        },
      ]),
    ),
    resources: new Map(
      resources.map(([name, node]) => [
        name,
        {
          type: textAt(node, 'Type') ?? '',
          deletionPolicy: textAt(node, 'DeletionPolicy'),
          replacePolicy: textAt(node, 'UpdateReplacePolicy'),
          node,
        },
      ]),
    ),
    transforms: transformsOf(root),
  }
}

/** A mapping below a key; null: none, or something else. */
export function mapAt(map: YAMLMap, key: string): YAMLMap | null {
  const value = map.get(key, true) as Node | undefined
  return isMap(value) ? value : null
}

/** Plain text below a key; null where there is none, or a function such as `!Ref` stands there. */
export function textAt(map: YAMLMap, key: string): string | null {
  const value = map.get(key, true) as Node | undefined
  return isScalar(value) && !isFunction(value) ? String(value.value) : null
}

/** A short form: what its value is, only CloudFormation can tell. */
export const isFunction = ({ tag }: Node): boolean => tag?.startsWith('!') === true

function entriesOf(map: YAMLMap | null): Array<[string, YAMLMap]> {
  return (map?.items ?? []).flatMap(
    ({ key, value }): Array<[string, YAMLMap]> => (isScalar(key) && isMap(value) ? [[String(key.value), value]] : []),
  )
}

function transformsOf(root: YAMLMap): string[] {
  const value = root.get('Transform', true) as Node | undefined
  if (isScalar(value)) return [String(value.value)]
  const list: unknown = value?.toJSON()
  return Array.isArray(list) ? list.filter((name) => typeof name === 'string') : []
}

function invalid(file: string, why: string, place?: { line: number; col: number }) {
  return failedError('TEMPLATE_INVALID', `${file} is no template of CloudFormation: ${why}`, {
    ...(place === undefined ? {} : { location: { file, line: place.line, column: place.col } }),
  })
}
