/** Commands, as a shell reads them. */

import * as z from 'zod'
import { mustBe, textWith } from './shapes.ts'

export const commandSchema = textWith('a command', (command) =>
  command.trim() === ''
    ? { code: 'EMPTY_COMMAND', message: '`{key}` is an empty command' }
    : command.includes('\0')
      ? { code: 'EMPTY_COMMAND', message: '`{key}` has a NUL character in it' }
      : null,
)
  .meta({ title: 'command' })
  .transform((command) => command.trimEnd())

/** Text that may be written as a number or as true or false. */
export const plainValueSchema = z
  .union([z.string(), z.number(), z.boolean()], { error: mustBe('text, a number, or true or false') })
  .meta({ title: 'value' })
  .transform(String)
