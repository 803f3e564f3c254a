/** The JSON Schema of `trunkline.yaml`, for editors. */
import * as z from 'zod'
import { projectSchema } from './schema/project.ts'

/** JSON Schema (draft 2020-12) of what may be written, made from the schema that parses it. */
export function projectJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(projectSchema, { io: 'input', unrepresentable: 'throw' })
  return { ...schema, title: 'trunkline.yaml' }
}
