/**
 * Runs the whole shop on this machine without Trunkline: `npm start`. Every service is started from its source on a
 * port of its own, with stand-ins for Redis and PostgreSQL unless `REDIS_URL` and `DATABASE_URL` are given.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const firstPort = Number(process.env['PORT'] || 4000)

/** The frontend first: its port is the one to remember. */
const services = ['frontend', 'carts', 'products', 'checkout', 'email', 'shipping', 'payment']
const portOf = (service: string): number => firstPort + services.indexOf(service)
const urlOf = (service: string): string => `http://127.0.0.1:${portOf(service)}`

const environment = {
  PAYMENT_KEY: 'sandbox',
  ...process.env,
  ...Object.fromEntries(services.map((service) => [`${service.toUpperCase()}_URL`, urlOf(service)])),
}

function runSource(service: string, ...args: string[]): ChildProcess {
  return spawn(process.execPath, ['--import', 'tsx', join(root, 'services', service, 'src', 'main.ts'), ...args], {
    cwd: root,
    stdio: 'inherit',
    env: { ...environment, PORT: String(portOf(service)) },
  })
}

async function runToItsEnd(service: string, ...args: string[]): Promise<void> {
  const code = await new Promise((resolve) => runSource(service, ...args).once('exit', resolve))
  if (code !== 0) process.exit(1)
}

await runToItsEnd('products', 'migrate')
await runToItsEnd('products', 'seed', '--when-empty')
const running = services.map((service) => runSource(service))
const stopAll = () => {
  for (const child of running) child.kill('SIGTERM')
}
// One without the others is no shop. Ctrl-C in a terminal reaches them as it reaches us.
for (const child of running) child.once('exit', stopAll)
process.on('SIGINT', () => {})
process.on('SIGTERM', stopAll)
console.log(`Morgen opens at ${urlOf('frontend')}`)
