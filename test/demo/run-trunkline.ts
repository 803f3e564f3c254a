import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const trunkline = fileURLToPath(new URL('../../bin/trunkline', import.meta.url))

export type Ended = { exitCode: number | null; stdout: string; stderr: string }

/** `bin/trunkline`, with variables laid over those of this process; `undefined` takes one out. */
export function runTrunkline(words: readonly string[], variables: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(trunkline, words, {
      env: { ...process.env, ...variables },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk) => {
      stdout += chunk
    })
    child.stderr.on('data', (chunk) => {
      stderr += chunk
    })
    child.once('error', reject)
    child.on('close', (exitCode) => resolve({ exitCode, stdout, stderr }))
  })
}
