/** Bundling by esbuild. */
import { posix } from 'node:path'
import * as z from 'zod'
import { show } from '../mistake.ts'
import { plainValueSchema } from './command.ts'
import { pathSchema } from './path.ts'
import { addMistake, choice, distinct, flag, listOf, mappingOf, mustBe, object, textWith } from './shapes.ts'

const withoutEnding = (path: string): string => posix.basename(path).replace(/\.[cm]?[jt]sx?$/, '')

const outputName = textWith('the name of a file to make, without its ending', (name) =>
  /^\w[\w.-]*(?:\/\w[\w.-]*)*$/.test(name)
    ? null
    : {
        code: 'INVALID_VALUE',
        message: `${show(name)} is no name of a file to make, such as \`orders\` or \`api/orders\``,
      },
)

function named(paths: readonly string[], context: z.core.$RefinementCtx<unknown>): Record<string, string> {
  const entries: Record<string, string> = {}
  for (const [index, path] of paths.entries()) {
    const name = withoutEnding(path)
    const other = entries[name]
    if (other !== undefined) {
      const message = `\`${path}\` and \`${other}\` would both become \`${name}\``
      const hint = `name what is made: \`entry: { first: ${other}, second: ${path} }\``
      addMistake(context, { code: 'DUPLICATE_ENTRY', message, hint }, [index])
    }
    entries[name] = path
  }
  return entries
}

const entries = 'a file such as `carts/src/handler.ts`, a list of files, or a mapping of names to files'

const entrySchema = z
  .union(
    [
      pathSchema.transform((path): Record<string, string> => ({ [withoutEnding(path)]: path })),
      listOf(pathSchema, entries)
        .min(1, { error: mustBe(entries) })
        .transform(named),
      mappingOf(outputName, pathSchema, entries),
    ],
    { error: mustBe(entries) },
  )
  .describe('The file that is bundled with all that it imports; or a list of them, or a mapping of names to them.')

const word = (expected: string) =>
  textWith(expected, (text) =>
    /^[^\s-]\S*$/.test(text)
      ? null
      : { code: 'INVALID_VALUE', message: `\`{key}\` must be ${expected}, not ${show(text)}` },
  )

const targetSchema = textWith('a target such as `node22`', (target) =>
  /^(?:node\d+(?:\.\d+)*|es(?:next|\d+))$/.test(target)
    ? null
    : {
        code: 'INVALID_VALUE',
        message: `\`{key}\` must be a target such as \`node22\` or \`es2023\`, not ${show(target)}`,
      },
)

const endingSchema = textWith('an ending such as `.sql`', (ending) =>
  /^(?:\.\w+)+$/.test(ending)
    ? null
    : { code: 'INVALID_VALUE', message: `${show(ending)} is no ending such as \`.sql\`` },
)

export const esbuildSchema = object(
  {
    entry: entrySchema,
    to: pathSchema.optional().describe("Folder that it is made in. Default: `dist` in the service's `path`."),
    format: choice(['cjs', 'esm'])
      .prefault('cjs')
      .describe('CommonJS (`.cjs`), which any package can be bundled into, or modules (`.mjs`).'),
    target: targetSchema
      .optional()
      .describe("What it must run on. Default: the Node of the function's `runtime`, else `node20`."),
    external: listOf(word('the name of a package such as `@aws-sdk/*`'), 'a list of packages')
      .superRefine(distinct)
      .optional()
      .describe(
        'Packages that stay out. Default for a function on Node: `@aws-sdk/*` and `@smithy/*`, which Lambda has; else none.',
      ),
    sourcemap: choice(['linked', 'external', 'inline', 'none'])
      .prefault('linked')
      .describe('Source maps beside the bundle, which names them or (`external`) does not; in it; or none.'),
    minify: flag(false).describe('Whether names and white space are made short.'),
    define: mappingOf(word('a name such as `DEBUG`'), plainValueSchema, 'a mapping of names to expressions')
      .prefault({})
      .describe('Expressions that names are replaced by, as esbuild has it.'),
    loader: mappingOf(
      endingSchema,
      choice(['js', 'jsx', 'ts', 'tsx', 'json', 'text', 'base64', 'binary', 'dataurl', 'copy', 'file', 'empty']),
      'a mapping of endings to loaders',
    )
      .prefault({})
      .describe('How files are read, by their ending.'),
  },
  { expected: 'a mapping such as `{ entry: carts/src/handler.ts }`' },
).meta({
  id: 'Esbuild',
  title: 'esbuild',
  description: "Bundles with the project's own esbuild, after `run` where there is one.",
})

export type EsbuildDocument = z.output<typeof esbuildSchema>
