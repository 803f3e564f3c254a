/** Outputs of infrastructure that variables name. */
import { didYouMean } from '../did-you-mean.ts'
import type { ServiceDocument } from '../schema/service.ts'
import type { Check } from './check.ts'

/** Services whose outputs a service is given: it is rolled out after them. */
export const outputsUsedBy = ({ env }: Pick<ServiceDocument, 'env'>): string[] => [
  ...new Set(Object.values(env).flatMap((variable) => (variable.kind === 'output' ? [variable.service] : []))),
]

export const checkOutputs: Check = function* ({ document, declared }) {
  for (const [name, { env }] of Object.entries(document.services)) {
    for (const [variable, value] of Object.entries(env)) {
      if (value.kind !== 'output') continue
      const path = ['services', name, 'env', variable]
      if (!declared.services.has(value.service)) {
        const message = `unknown service \`${value.service}\`${didYouMean(value.service, declared.services)}`
        const hint =
          '`from: service.output` names an output of infrastructure; variables of the environment have no dot'
        yield { path, mistake: { key: 'from', code: 'UNKNOWN_SERVICE', message, hint } }
      } else if (value.service === name) {
        const message = `\`${name}\` cannot be given its own output`
        yield { path, mistake: { key: 'from', code: 'CYCLE', message } }
      }
    }
  }
}
