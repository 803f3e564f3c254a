/** What belongs to a build. */
import * as z from 'zod'
import type { Input } from '../../model/index.ts'
import { patternSchema } from './path.ts'
import { distinct, listOf, mustBe, object, textWith } from './shapes.ts'

const keySchema = textWith('a key such as `versions.kotlin`', (key) =>
  /^[^.\s]+(?:\.[^.\s]+)*$/.test(key)
    ? null
    : { code: 'INVALID_VALUE', message: '`{key}` must be a key such as `PORT` or `versions.kotlin`' },
)

const keyedInput = object({
  file: patternSchema.describe('A dotenv, JSON, YAML or TOML file.'),
  keys: listOf(keySchema, 'a list of keys')
    .min(1, { error: mustBe('a list of at least one key') })
    .superRefine(distinct)
    .describe('The keys that count, such as `versions.kotlin`; the file is laid down with only these.'),
}).meta({
  id: 'KeyedInput',
  title: 'Keyed input',
  description: 'Some keys of a structured file, instead of the whole.',
})

export const inputSchema = z.union(
  [
    patternSchema.transform((pattern): Input => ({ pattern })),
    keyedInput.transform(({ file, keys }): Input => ({ pattern: file, keys })),
  ],
  { error: mustBe('a path, a pattern, or a mapping with `file` and `keys`') },
)

export const inputsSchema = listOf(inputSchema, 'a list of paths or patterns')
export const patternsSchema = listOf(patternSchema, 'a list of paths or patterns')
