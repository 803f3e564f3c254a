/**
 * `npm run fuzz -- --inputs N --seed S --target config|refs|records|archives|all`: hostile input by the million.
 * `--first I` begins at another number, `--threads T` sets how many threads share the work. Exit code 1 where a bug was found.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { fuzz, story } from './fuzz.ts'
import { targets } from './targets/index.ts'

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    first: { type: 'string', default: '0' },
    target: { type: 'string', default: 'all' },
    threads: { type: 'string', default: String(Math.max(1, availableParallelism())) },
  },
})

function wholeNumber(name: 'inputs' | 'seed' | 'first' | 'threads', least: number): number {
  const number = Number(values[name])
  if (Number.isSafeInteger(number) && number >= least) return number
  console.error(`--${name} is a whole number from ${least} on, not ${values[name]}`)
  process.exit(2)
}

const names = targets.map(({ name }) => name)
const chosen = values.target === 'all' ? names : names.filter((name) => name === values.target)
if (chosen.length === 0) {
  console.error(`--target is one of ${[...names, 'all'].join(', ')}, not ${values.target}`)
  process.exit(2)
}

const inputs = wholeNumber('inputs', 1)
const options = { seed: wholeNumber('seed', 0), first: wholeNumber('first', 0), threads: wholeNumber('threads', 1) }
let failed = 0
for (const [index, target] of chosen.entries()) {
  const share = Math.floor(inputs / chosen.length) + (index < inputs % chosen.length ? 1 : 0)
  if (share === 0) continue
  const startedAtMs = performance.now()
  const { tried, failures } = await fuzz({
    ...options,
    target,
    inputs: share,
    threads: Math.min(options.threads, share),
  })
  const seconds = (performance.now() - startedAtMs) / 1_000
  const peakMb = Math.round(process.resourceUsage().maxRSS / 1024)
  console.log(
    `${target}: ${tried} inputs in ${seconds.toFixed(1)} s, ${Math.round(tried / seconds)} a second, peak ${peakMb} MB, ${failures.length} failures`,
  )
  for (const failure of failures) console.log(`\n${story(failure)}\n`)
  failed += failures.length
}
process.exitCode = failed > 0 ? 1 : 0
