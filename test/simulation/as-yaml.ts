/** Configurations as people write them: block style, which is read many times as fast as JSON is by a parser of YAML. */

export function asYaml(document: Record<string, unknown>): string {
  return `${membersOf(document, '').join('\n')}\n`
}

const membersOf = (mapping: object, indent: string): string[] =>
  Object.entries(mapping)
    .filter(([, value]) => value !== undefined)
    .flatMap(([key, value]) => {
      if (isFilled(value)) return [`${indent}${key}:`, ...below(value, `${indent}  `)]
      return [`${indent}${key}: ${inLine(value)}`]
    })

const below = (value: object, indent: string): string[] =>
  Array.isArray(value) ? value.map((item) => `${indent}- ${inLine(item)}`) : membersOf(value, indent)

const isFilled = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.keys(value).length > 0

/** Items of lists stand in one line. */
function inLine(value: unknown, isInFlow = false): string {
  if (Array.isArray(value)) return `[${value.map((item) => inLine(item, true)).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined)
    return `{ ${members.map(([key, member]) => `${key}: ${inLine(member, true)}`).join(', ')} }`
  }
  if (typeof value !== 'string') return String(value)
  const isPlain = /^[A-Za-z0-9_./][A-Za-z0-9_./*@ -]*$/.test(value) && !/^(?:true|false|null|[\d.]+)$/i.test(value)
  return isPlain && (isInFlow || !value.endsWith(' ')) ? value : JSON.stringify(value)
}
