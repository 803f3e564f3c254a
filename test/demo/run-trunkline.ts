import { spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DemoSummary } from '../../src/demo/index.ts'

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

/** What a demo leaves for its viewer: the remote with its ledger. */
export async function removeRemote({ ledger }: DemoSummary): Promise<void> {
  const [, remote = ''] = /^git -C (.+) log /.exec(ledger) ?? []
  const folder = dirname(remote)
  if (dirname(folder) === tmpdir() && basename(folder).startsWith('trunkline-demo-'))
    await rm(folder, { recursive: true, force: true })
}
