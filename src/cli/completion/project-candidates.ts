/** Candidates from the project around a directory: names in its `trunkline.yaml`, refs of its repository. */
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { runProcess } from '../../process/index.ts'
import type { Candidate, CandidateSource } from './protocol.ts'

const configFile = 'trunkline.yaml'
const gitTimeoutMs = 900
const mostRefs = 300

/** Reads leniently: a configuration with mistakes still names its services. */
export function projectCandidates(directory: string, environment: Record<string, string>): CandidateSource {
  let config: Promise<Record<string, unknown>> | null = null
  return async (kind) => {
    if (kind === 'ref') return refs(directory, environment)
    config ??= readConfig(directory)
    const section = { environment: 'environments', service: 'services', task: 'tasks' }[kind]
    return namesIn((await config)[section]).map((value) => ({ value, description: kind }))
  }
}

const namesIn = (section: unknown): string[] =>
  typeof section === 'object' && section !== null && !Array.isArray(section) ? Object.keys(section) : []

/** The nearest `trunkline.yaml` in this directory or above it. */
async function readConfig(directory: string): Promise<Record<string, unknown>> {
  const text = await readFile(join(directory, configFile), 'utf8').catch(() => null)
  if (text === null) {
    const parent = dirname(directory)
    return parent === directory ? {} : readConfig(parent)
  }
  const { parseDocument } = await import('yaml')
  const document: unknown = parseDocument(text, { logLevel: 'silent' }).toJS()
  return typeof document === 'object' && document !== null ? { ...document } : {}
}

async function refs(directory: string, environment: Record<string, string>): Promise<Candidate[]> {
  const format = '%(refname:short)%09%(contents:subject)'
  const { exitCode, stdout } = await runProcess({
    argv: [
      'git',
      'for-each-ref',
      `--format=${format}`,
      '--sort=-creatordate',
      `--count=${mostRefs}`,
      'refs/heads',
      'refs/tags',
    ],
    cwd: directory,
    env: environment,
    timeoutMs: gitTimeoutMs,
  })
  if (exitCode !== 0) return []
  return stdout
    .toString('utf8')
    .split('\n')
    .flatMap((line) => {
      const [value = '', description = ''] = line.split('\t')
      return value === '' ? [] : [{ value, description }]
    })
}
