/** Mutations of plain data: types change places, members vanish, appear and move, numbers and texts become extreme. */
import type { Random } from './random.ts'

type Data = null | boolean | number | string | Data[] | { [key: string]: Data }

const extremeValues: readonly Data[] = [
  ...[null, true, false, 0, -1, 1.5, 1e308, 2 ** 53, -0, '', ' ', '\0', '__proto__', 'constructor', '../../etc/passwd'],
  ...[
    'sha256:',
    `sha256:${'a'.repeat(64)}`,
    'a'.repeat(64),
    'A'.repeat(64),
    'z'.repeat(64),
    '0'.repeat(40),
    '-h',
    '\u001b[2J',
  ],
  ...['2026-01-01T00:00:00.000Z', 'yesterday', 'refs/heads/main', 'refs/heads/a..b', 'x\n\nApproved-by: me', '\ud800'],
  ...[[], {}, [[]], [null], { a: 1 }, { version: 1 }, 'x'.repeat(5_000), Array.from({ length: 300 }, () => 0)],
]

/** A copy each time: what is put into a document is mutated with it. */
const extreme = (random: Random): Data => structuredClone(random.pick(extremeValues))

/** A copy with one to a few mutations. The seed itself is never changed. */
export function mutateJson(random: Random, seed: unknown): Data {
  // Seeds are plain data; a copy of plain data is plain data.
  let data = structuredClone(seed) as Data
  for (let left = 1 + random.size(4); left > 0; left -= 1) {
    const places = placesOf(data)
    const place = places.length === 0 ? null : random.pick(places)
    if (place === null || random.oneIn(200)) data = extreme(random)
    else change(random, place, places)
  }
  return data
}

/** Text of the data, now and then not quite JSON, or with members that only text can have. */
export function jsonText(random: Random, data: Data): string {
  const text = JSON.stringify(data) ?? 'null'
  switch (random.int(24)) {
    case 0:
      return text.slice(0, random.int(text.length + 1))
    case 1:
      return text.replace('{', '{"__proto__":{"polluted":true},')
    case 2:
      return text.replace(/"([^"]+)":/, '"$1":1,"$1":')
    case 3:
      return '['.repeat(random.size(50_000)) + text
    case 4:
      return `\ufeff${text}`
    case 5:
      return text.replace(/\d+/, '9'.repeat(1 + random.size(400)))
    default:
      return text
  }
}

type Place = { holder: { [key: string]: Data } | Data[]; key: string }

function placesOf(data: Data): Place[] {
  const places: Place[] = []
  const open: Data[] = [data]
  for (const holder of open) {
    if (typeof holder !== 'object' || holder === null) continue
    for (const key of Object.keys(holder)) {
      places.push({ holder, key })
      if (places.length < 5_000) open.push(valueAt({ holder, key }))
    }
  }
  return places
}

const valueAt = ({ holder, key }: Place): Data => (Array.isArray(holder) ? holder[Number(key)] : holder[key]) ?? null

function put({ holder, key }: Place, value: Data): void {
  if (Array.isArray(holder)) holder[Number(key)] = value
  else Object.defineProperty(holder, key, { value, writable: true, enumerable: true, configurable: true })
}

function change(random: Random, place: Place, places: readonly Place[]): void {
  const { holder, key } = place
  const value = valueAt(place)
  const choice = random.int(8)
  if (choice === 0 && Array.isArray(holder)) holder.splice(Number(key), 1)
  else if (choice === 0 && !Array.isArray(holder)) delete holder[key]
  else if (choice === 1) {
    const other = Array.isArray(holder) ? key : random.pick(['__proto__', 'constructor', 'then', `${key}x`])
    put({ holder, key: other }, value)
  } else put(place, replacement(random, choice, value, places))
}

function replacement(random: Random, choice: number, value: Data, places: readonly Place[]): Data {
  switch (choice) {
    case 2:
      return structuredClone(valueAt(random.pick(places)))
    case 3:
      return [value]
    case 4:
      return { [random.pick(['kind', 'version', '__proto__', 'a'])]: value }
    case 5:
      if (typeof value === 'string') return mutateString(random, value)
      if (typeof value === 'number') return value * random.pick([-1, 0, 0.5, 1e9, 1e300])
      return extreme(random)
    default:
      return extreme(random)
  }
}

function mutateString(random: Random, text: string): string {
  const at = random.int(text.length + 1)
  const inserted = random.pick(['\n', '\0', '/', '..', 'G', '\u202e', ' ', '\u001b]0;x\u0007', 'ſ'])
  return random.oneIn(2) ? text.slice(0, at) + inserted + text.slice(at) : text.slice(0, at)
}
