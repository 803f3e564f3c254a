/** Names: what users call services, environments, groups, variables. */
import { type Mistake, show } from '../mistake.ts'
import { textWith } from './shapes.ts'

const namePattern = /^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const labelPattern = /^[A-Za-z0-9](?:[A-Za-z0-9_.:-]{0,61}[A-Za-z0-9])?$/
const variablePattern = /^[A-Za-z_][A-Za-z0-9_]*$/

/** A name that is a property of every JavaScript object could be mistaken for one by anything that reads the project. */
const reserved = (name: string): Mistake | null =>
  name in Object.prototype
    ? { code: 'INVALID_NAME', message: `\`${name}\` cannot be a name: it is a word of JavaScript itself` }
    : null

/** What a wrong name could be written as; empty where nothing of it is left. */
const asName = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+|-+$/g, '')
    .slice(0, 63)

function nameRule(name: string): Mistake | null {
  if (namePattern.test(name)) return reserved(name)
  const proposal = asName(name)
  return {
    code: 'INVALID_NAME',
    message: `${show(name)} is not a valid name: use lower-case letters, digits and hyphens, a letter first, at most 63`,
    ...(proposal === '' ? {} : { hint: `did you mean \`${proposal}\`?` }),
  }
}

/** Of a project, a service, an environment, a target: becomes part of ref names, host names and addresses. */
export const nameSchema = textWith('a name', nameRule).meta({ title: 'name', pattern: namePattern.source })

/** Of a check, a task, a group: only people and the command line say it. */
export const labelSchema = textWith('a name', (label) =>
  labelPattern.test(label)
    ? reserved(label)
    : {
        code: 'INVALID_NAME',
        message: `${show(label)} is not a valid name: use letters, digits and \`-\`, \`_\`, \`.\`, \`:\`, at most 63`,
      },
).meta({ title: 'name', pattern: labelPattern.source })

/** Of an environment variable. */
const variableRule = (name: string): Mistake | null =>
  variablePattern.test(name)
    ? reserved(name)
    : {
        code: 'INVALID_NAME',
        message: `${show(name)} cannot be the name of an environment variable: use letters, digits and \`_\`, no digit first`,
      }

const variableWords = 'the name of an environment variable'

export const variableNameSchema = textWith(variableWords, variableRule).meta({
  title: 'variable',
  pattern: variablePattern.source,
})

/** Where people expect to write the port itself. */
export const portVariableSchema = textWith(
  variableWords,
  variableRule,
  'write `port: PORT`: Trunkline chooses the number and hands it to each instance in that variable',
).meta({ title: 'variable', pattern: variablePattern.source })

const titleLength = 100

/** Of a hook or a verification: a few words on one line. */
export const titleSchema = textWith('a name', (title) =>
  title.trim() !== '' && title.length <= titleLength && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(title)
    ? null
    : {
        code: 'INVALID_NAME',
        message: `${show(title)} is not a valid name: use 1 to ${titleLength} characters on one line`,
      },
)
