/** What `trunkline.yaml` with this text says, or what is wrong with it. */
import { parseProject } from '../../src/config/index.ts'

export const parse = (text: string) => parseProject({ text, file: 'trunkline.yaml' })

/** Codes and messages of all mistakes. */
export function problemsIn(text: string): string[] {
  const parsed = parse(text)
  return 'project' in parsed ? [] : parsed.problems.map(({ code, message }) => `${code} ${message}`)
}
