/**
 * A process of its own that appends events to one ref until it has won often enough: a controller in small.
 * Arguments: location, cache directory, name, events to append. Prints how often it lost.
 */
import { openStateStore } from '../../src/git/index.ts'

const [, , location = '', cacheDirectory = '', name = '', count = '0'] = process.argv
const ref = 'refs/trunkline/env/prod'
const { signal } = new AbortController()
const store = openStateStore({ location, cacheDirectory, environment: process.env })
let lost = 0
for (let won = 0; won < Number(count); ) {
  const expected = (await store.refresh([ref], signal)).get(ref) ?? null
  const event = {
    subject: `${name} ${won}`,
    body: '',
    trailers: [],
    author: { name, email: `${name}@example.com` },
    at: new Date().toISOString(),
    put: { [`${name}/${won}.json`]: '{}' },
    remove: [],
  }
  const result = await store.push([{ ref, expected, change: { kind: 'append', commits: [event] } }], signal)
  if (result.kind === 'pushed') won++
  else if (++lost > 200) throw new Error('never gets its turn')
}
console.log(lost)
