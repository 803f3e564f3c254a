/**
 * `trunkline.yaml` → `Project`, with every mistake and its place.
 * `format-problems.ts` and `json-schema.ts` stand beside this file: the first needs no parser, the second is for editors.
 */
export { type CombinedProject, combinePolicyAndRecipe } from './combine.ts'
export { formatProblems } from './format-problems.ts'
export { projectJsonSchema } from './json-schema.ts'
export { type ParsedProject, type ProjectText, parseProject, parseProjectOrThrow } from './parse-project.ts'
