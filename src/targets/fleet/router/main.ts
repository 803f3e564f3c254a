/**
 * The router's process: `node main.ts DIRECTORY`, one for each folder. It is started detached, is told what to do over
 * the socket in that folder, writes its log to standard error, and ends at SIGTERM when its requests have.
 */
import { runRouter } from './run-router.ts'

const directory = process.argv[2]
if (directory === undefined) {
  process.stderr.write('usage: main.ts DIRECTORY\n')
  process.exit(2)
}
process.exit(await runRouter(directory))
