/** Pure: what esbuild complains of that has to do with what a build sees. */
import { type Reason, reason, type ServiceName } from '../../model/index.ts'

const maxNamed = 5

export type Complaints = { line(text: string): void; reasons(): Reason[] }

/** Takes esbuild's lines as they come. `Could not resolve "../x"`, and two lines later `    carts/handler.ts:1:18:`. */
export function createComplaints(service: ServiceName): Complaints {
  const found = new Map<string, Reason>()
  let asked: string | null = null
  return {
    line(text) {
      const lost = /Cannot find base config file "(.+)" \[tsconfig\.json\]/.exec(text)?.[1]
      if (lost !== undefined) found.set(lost, baseMissing(lost, service))
      asked = /Could not resolve "(.+)"/.exec(text)?.[1] ?? asked
      const file = /^\s+(\S.*):\d+:\d+:$/.exec(text)?.[1]
      if (asked === null || file === undefined) return
      found.set(`${file} ${asked}`, unresolved(asked, file, service))
      asked = null
    },
    reasons: () => [...found.values()].slice(0, maxNamed),
  }
}

function unresolved(asked: string, file: string, service: ServiceName): Reason {
  const message = `${file} imports ${asked}, and the build of ${service} does not see that`
  const hint = /^\.{0,2}\//.test(asked)
    ? `a build sees its inputs and nothing else: name the file under \`inputs\` of ${service}`
    : 'does `prepare` install it? What the runtime brings along is named under `external`'
  return reason('import-unresolved', message, { file, hint })
}

/** Without it esbuild would go on, with other options. */
const baseMissing = (path: string, service: ServiceName): Reason =>
  reason('tsconfig-unresolved', `a tsconfig.json extends ${path}, and the build of ${service} does not see that`, {
    hint: `name it under \`inputs\` of ${service}, or under \`shared\``,
  })
