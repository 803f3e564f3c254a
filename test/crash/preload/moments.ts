/**
 * Loaded before the real command line (`node --import`): it counts moments and dies at the one it is told.
 *
 * A moment is whenever the process is about to act on the world: start another process, change the file system, ask a
 * server. Counting them makes a kill strike the same place however busy the machine is, which a wait of so many
 * milliseconds does not. Moments that are more than a change of a file are calls, and counted by themselves, too.
 *
 * `CRASH_AT=<moment|call>:<number>:<delayMs>:<process|tree>` dies there, `about:<word>:…` where that is about to be done; without it the numbers are told at the end. All
 * is said on descriptor 3, a line each: `at <number> <what>`, `moments <count> calls <count>`.
 */
import childProcess from 'node:child_process'
import diagnostics from 'node:diagnostics_channel'
import fs from 'node:fs'
import fsPromises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

const [unit = '', number = '', delay = '0', victim = 'process'] = (process.env['CRASH_AT'] ?? '').split(':')
delete process.env['CRASH_AT']
let [moments, calls] = [0, 0]

const say = (line: string) => {
  try {
    fs.writeSync(3, `${line}\n`)
  } catch {
    // Nobody listens.
  }
}

function die(what: string): void {
  say(`at ${unit} ${number}, ${what}`)
  if (victim === 'process') process.kill(process.pid, 'SIGKILL')
  // Whoever wants the whole tree dead has to be told, and finds it as it is now: this thread stands still.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000)
}

function count(what: string, isCall: boolean): void {
  moments += 1
  if (isCall) calls += 1
  const now = unit === 'moment' ? moments : unit === 'call' && isCall ? calls : null
  if (unit === 'about' ? !what.includes(number) : now !== Number(number)) return
  if (delay === '0') die(what)
  else setTimeout(() => die(`${delay} ms after ${what}`), Number(delay))
}

/** Counts each call of these functions. The types of Node's modules say too much to be kept while wrapping them. */
function watch(owner: object, names: readonly string[], describe: (name: string, first: unknown) => string | null) {
  const functions = owner as Record<string, (...given: unknown[]) => unknown>
  for (const name of names) {
    const original = functions[name]
    if (original === undefined) continue
    functions[name] = (...given) => {
      const what = describe(name, given[0])
      if (what !== null) count(what, /^(?:start|rename|appendFile) /.test(what))
      return original.apply(owner, given)
    }
  }
}

const ending = (path: unknown): string => String(path).split('/').slice(-2).join('/')
const changes = ['rename', 'writeFile', 'mkdir', 'rm', 'link', 'symlink', 'utimes', 'open', 'appendFile']
const isNothing = (path: unknown) => /^\/(?:proc|dev)\/|compile-cache/.test(String(path))

watch(childProcess, ['spawn'], (_, program) => `start ${program}`)
watch(fsPromises, changes, (name, path) => (isNothing(path) ? null : `${name} ${ending(path)}`))
watch(fs, ['renameSync'], (name, path) => (isNothing(path) ? null : `${name} ${ending(path)}`))
syncBuiltinESMExports()
diagnostics.subscribe('undici:request:create', (message) => {
  const { request } = message as { request: { method: string; path: string } } // As undici documents it.
  count(`${request.method} ${request.path.slice(0, 40)}`, true)
})
process.once('exit', () => say(`moments ${moments} calls ${calls}`))
