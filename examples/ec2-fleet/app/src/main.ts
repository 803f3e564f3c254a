import { startServer } from './server.ts'
import { readSettings } from './settings.ts'
import { createVisits } from './visits.ts'

const settings = readSettings(process.env)
const server = await startServer(settings, createVisits(settings.redis))
console.log(`release ${settings.release} answers at ${server.url}`)
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => void server.stop().then(() => process.exit(0)))
}
