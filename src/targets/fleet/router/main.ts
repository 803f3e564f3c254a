/**
 * The router's process: `node main.ts DIRECTORY [--held]`. It is told what to do over the socket in that folder, writes
 * its log to standard error, and ends at SIGTERM when its requests have. `--held`: its socket holder started it.
 */
import { runRouter } from './run-router.ts'

const [directory, option] = process.argv.slice(2)
if (directory === undefined || (option !== undefined && option !== '--held')) {
  process.stderr.write('usage: main.ts DIRECTORY [--held]\n')
  process.exit(2)
}
process.exit(await runRouter(directory, { isHeld: option === '--held' }))
