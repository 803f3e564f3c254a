/** Small programs that tests deploy, as files of a bundle. */

const server = (version: string, behaviour: string) => `
const http = require('node:http')
let healthy = true
let broken = false
const server = http.createServer((request, response) => {
  const url = new URL(request.url, 'http://instance')
  if (url.pathname === '/health') return response.writeHead(healthy ? 200 : 503).end()
  if (url.pathname === '/die') return process.exit(7)
  if (broken && url.pathname !== '/health') return response.writeHead(500).end(JSON.stringify({ version: '${version}' }))
  if (url.pathname === '/environment') return response.end(JSON.stringify(process.env))
  const body = JSON.stringify({ version: '${version}', pid: process.pid, message: process.env.MESSAGE })
  setTimeout(() => response.end(body), Number(url.searchParams.get('ms') ?? 0))
})
${behaviour}
console.log('version ${version} begins with secret', process.env.SECRET)
server.listen(Number(process.env.PORT), '127.0.0.1')
process.on('SIGTERM', () => { server.close(() => process.exit(0)); server.closeIdleConnections() })
`

/** Answers with its version, its pid and the variable MESSAGE, after \`?ms=\` milliseconds. */
export const webApplication = (version: string) => ({ 'main.js': server(version, '') })

/** Runs, and is never healthy. */
export const neverHealthy = (version: string) => ({ 'main.js': server(version, 'healthy = false') })

/** Says that it is well, and answers everything else with an error. */
export const answersBadly = (version: string) => ({ 'main.js': server(version, 'broken = true') })

/** Ends as soon as it begins. */
export const endsAtOnce = (version: string) => ({
  'main.js': server(version, `console.error('cannot find the thing'); process.exit(3)`),
})

/** Serves nothing; writes a line now and then. */
export const worker = {
  'main.js': `setInterval(() => console.log('worked'), 100); console.error('begins'); process.on('SIGTERM', () => process.exit(0))`,
}
