/**
 * Writes what is made from the schema of `trunkline.yaml`: docs/trunkline.schema.json for editors and
 * docs/configuration.md for people. Run it after a change to src/config/schema: `bin/node scripts/generate-docs.ts`.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { projectJsonSchema } from '../src/config/json-schema.ts'

/** The part of JSON Schema that our schema uses. */
type Schema = {
  $ref?: string
  $defs?: Record<string, Schema>
  type?: string | string[]
  title?: string
  description?: string
  default?: unknown
  enum?: string[]
  minimum?: number
  maximum?: number
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  additionalProperties?: Schema | boolean
  anyOf?: Schema[]
}

const docs = new URL('../docs/', import.meta.url)

/** Generated documents by their path, relative to `docs/`. */
export async function generateDocs(): Promise<Record<string, string>> {
  // JSON Schema's own types are wider than what we write; the reference reads only the members above.
  const schema = projectJsonSchema() as Schema
  const example = await readFile(new URL('trunkline.example.yaml', docs), 'utf8')
  return {
    'trunkline.schema.json': `${JSON.stringify(schema, null, 2)}\n`,
    'configuration.md': configurationReference(schema, example),
  }
}

const introduction = (example: string) => `# Configuration

Made from the schema by \`scripts/generate-docs.ts\`: change that, not this page.

A project is one git repository with a \`trunkline.yaml\` (YAML 1.2) at its root. Editors complete and check it with
[trunkline.schema.json](trunkline.schema.json): put
\`# yaml-language-server: $schema=<path or URL of that file>\` on its first line.

\`\`\`yaml
${example.replace(/^# yaml-language-server.*\n/, '').trimEnd()}
\`\`\`

## How values are written

- **Paths and patterns** are relative to the repository's root, those of a bundle to the build directory, which is laid
  out like the repository. \`*\` matches within one part, \`**\` across parts; a folder stands for everything in it.
  Nothing outside the repository can be named.
- **Durations** are a number with its unit, \`ms\`, \`s\`, \`m\`, \`h\` or \`d\`; a bare number is milliseconds.
- **Names** of the project, services, environments and targets are lower-case letters, digits and hyphens.
- **Short forms**: where a mapping has one main key, its value alone will do (\`build: make\` is \`build: { run: make }\`);
  where a list has one item, the item alone will do for \`on\`, \`after\`, \`branch\`, \`tag\`, \`windows\` and \`dotenv\`.
- **Patterns that begin with \`*\`**, and groups such as \`@admins\`, need quotes: they mean something else in YAML.
- **Versions** stay as written: \`go: 1.20\` is not 1.2.
- **Secrets** never stand in the file. \`{ from: NAME }\` names them.

## What comes from where

Policy is read from the remote's trunk, recipe from the commit that is delivered: a branch cannot grant itself anything.

| from trunk | from the commit |
|---|---|
| \`project\`, \`trunk\`, \`artifacts\`, \`aws\`, \`people\`, \`notify\`, \`state\`, and of each environment \`on\`, \`after\`, \`approval\`, \`windows\`, \`target\`, \`targets\`, \`aws\`, \`variables\`, \`onFailure\` | \`services\`, \`shared\`, \`prepare\`, \`tools\`, \`platform\`, \`tasks\`, and of each environment \`rollout\`, \`rollouts\`, \`hooks\`, \`verify\`, \`deployInputs\` |

An environment that only the commit has is ignored, and so is another \`state\` or \`artifacts\`: Trunkline says so.

Trunk is read from the remote that refs are pushed to: \`origin\`, or what \`TRUNKLINE_REMOTE\` names; without such a remote
from the local repository. Only then is \`state.remote\` known, for it is policy, too. Where trunk is not there yet, the
commit's own word counts. \`TRUNKLINE_REMOTE\` stands above \`state.remote\`: it is the machine's word, not a commit's.
`

function configurationReference(schema: Schema, example: string): string {
  const definitions = schema.$defs ?? {}
  const sections = Object.values(definitions)
    .filter((definition) => definition.properties !== undefined)
    .map((definition) => section(definition, definitions))
  return [introduction(example), ...sections].join('\n')
}

function section(definition: Schema, definitions: Record<string, Schema>): string {
  const rows = Object.entries(definition.properties ?? {}).map(([key, value]) => {
    const fallback = definition.required?.includes(key) ? 'required' : defaultOf(value)
    return `| \`${key}\` | ${typeOf(value, definitions)} | ${fallback} | ${value.description ?? definitionOf(value, definitions)?.description ?? ''} |`
  })
  return [
    `## ${definition.title}`,
    '',
    definition.description ?? '',
    '',
    '| key | type | default | meaning |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

function defaultOf({ default: fallback }: Schema): string {
  if (fallback === undefined || isEmpty(fallback)) return ''
  if (Array.isArray(fallback)) return `\`[${fallback.join(', ')}]\``
  return `\`${String(fallback)}\``
}

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0

/** A type in words, with links to the sections of what has keys of its own. */
function typeOf(schema: Schema, definitions: Record<string, Schema>): string {
  if (schema.$ref !== undefined) return referenceTo(schema, definitions)
  if (schema.anyOf !== undefined) return [...new Set(schema.anyOf.map((one) => typeOf(one, definitions)))].join(' or ')
  if (schema.enum !== undefined) return schema.enum.map((word) => `\`${word}\``).join(', ')
  if (Array.isArray(schema.type) && schema.title === undefined)
    return schema.type.map((type) => plainType({ ...schema, type })).join(', ')
  if (schema.type === 'array') return `list of ${typeOf(schema.items ?? {}, definitions)}`
  if (typeof schema.additionalProperties === 'object') {
    return `mapping of names to ${typeOf(schema.additionalProperties, definitions)}`
  }
  return plainType(schema)
}

const definitionOf = ({ $ref = '' }: Schema, definitions: Record<string, Schema>): Schema | undefined =>
  definitions[$ref.slice($ref.lastIndexOf('/') + 1)]

function referenceTo(schema: Schema, definitions: Record<string, Schema>): string {
  const definition = definitionOf(schema, definitions)
  const title = definition?.title ?? 'mapping'
  if (definition?.properties === undefined) return title.toLowerCase()
  return `[${title}](#${title
    .toLowerCase()
    .replace(/[^a-z0-9 -]/g, '')
    .replaceAll(' ', '-')})`
}

function plainType({ title, type, minimum, maximum }: Schema): string {
  if (title !== undefined) return title
  if (type === 'string') return 'text'
  if (type === 'boolean') return 'true or false'
  if (type === 'number') return 'number'
  if (type === 'integer') return minimum === undefined ? 'whole number' : `whole number, ${minimum} to ${maximum}`
  return 'mapping'
}

if (import.meta.main) {
  for (const [path, content] of Object.entries(await generateDocs())) await writeFile(new URL(path, docs), content)
}
