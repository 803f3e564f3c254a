/**
 * The socket holder's process: `node holder-main.ts DIRECTORY COMMAND…` starts a router by that command;
 * without a command it was started by a router whose holder has died, and adopts it.
 */
import { runHolder } from './run-holder.ts'

const [directory, program, ...parameters] = process.argv.slice(2)
if (directory === undefined) {
  process.stderr.write('usage: holder-main.ts DIRECTORY [COMMAND…]\n')
  process.exit(2)
}
process.exit(await runHolder({ directory, command: program === undefined ? null : [program, ...parameters] }))
