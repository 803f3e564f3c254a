/** Brief 002 as its reader has it: both its configurations are whole, and the story of its demo holds. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { access, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseProjectOrThrow } from '../../src/config/index.ts'
import type { DemoSummary } from '../../src/demo/index.ts'
import { awsMissing } from '../parts/aws/aws.ts'
import { oslsMissing } from '../parts/aws/osls.ts'
import { kubernetesMissing } from '../parts/kubernetes/cluster.ts'
import { redisMissing } from '../parts/redis.ts'
import { registryMissing } from '../parts/registry.ts'

const folder = fileURLToPath(new URL('../../examples/trunk-based-promotion', import.meta.url))
const trunkline = fileURLToPath(new URL('../../bin/trunkline.js', import.meta.url))

const read = async (file: string) =>
  parseProjectOrThrow({ text: await readFile(join(folder, file), 'utf8'), file, pathExists: () => true })

async function tell(environment: NodeJS.ProcessEnv): Promise<{ answer: unknown; stderr: string }> {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', trunkline, 'demo', '--example', 'trunk-based-promotion', '--json'],
    {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  )
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  await new Promise((resolve) => child.once('close', resolve))
  return { answer: JSON.parse(stdout), stderr }
}

/** Its remotes stay for who wants to read them; a test does not. */
async function told(): Promise<DemoSummary> {
  const temporary = await mkdtemp(join(tmpdir(), 'tbp-'))
  try {
    const { answer, stderr } = await tell({ ...process.env, TMPDIR: temporary })
    const summary = answer as DemoSummary // printed by this same program
    assert.ok(Array.isArray(summary.story), `${JSON.stringify(summary)} ${stderr}`)
    const broken = summary.story.filter((chapter) => !chapter.ok)
    assert.deepEqual(
      broken.map((chapter) => `${chapter.name}: ${chapter.problem}`),
      [],
      stderr,
    )
    assert.equal(summary.failedRequests, 0, summary.failures.join('\n'))
    return summary
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

describe('trunk-based promotion', () => {
  it('has the same services on both routes, and differs in where demo and prod come from', async () => {
    const [trunk, branches] = await Promise.all(['trunkline.yaml', 'release-branches/trunkline.yaml'].map(read))
    assert.deepEqual(branches?.services, trunk?.services)
    assert.deepEqual(branches?.people, trunk?.people)
    assert.deepEqual(branches?.environments['stage'], trunk?.environments['stage'])
    assert.deepEqual(trunk?.environments['prod']?.after, ['stage'])
    assert.deepEqual(Object.keys(trunk?.environments['prod']?.targets ?? {}), ['clusters', 'functions'])
    assert.deepEqual(branches?.environments['prod']?.after, ['demo'])
  })

  const missing =
    kubernetesMissing(['kubelab', 'argocd']) || redisMissing() || registryMissing() || awsMissing() || oslsMissing()
  it('is told whole with a registry, a real Argo CD and functions: eight chapters, and nobody is turned away', {
    skip: missing,
    timeout: 1_200_000,
  }, async () => {
    const summary = await told()
    assert.equal(summary.story.length, 8)
    assert.ok(summary.requests > 100, `only ${summary.requests} requests were made`)
    // Two images and two functions at first, one of each for the broken commit, one for its fix, two for what main went
    // on with, one on the branch.
    assert.equal(summary.builds, 10)
    const facts = summary.story.flatMap((chapter) => chapter.facts)
    assert.ok(
      facts.some((fact) => /^nothing was built for [0-9a-f]{7}: demo runs what was built at [0-9a-f]{7}$/.test(fact)),
    )
    assert.ok(facts.some((fact) => /^rc-2 is refused: release [0-9a-f]{12} was yanked/.test(fact)))
    assert.equal(facts.filter((fact) => fact.startsWith('Argo CD says Synced, Healthy')).length, 7)
    for (const name of ['stamps', 'receipts']) {
      assert.ok(facts.some((fact) => new RegExp(`^${name}: CodeSha256 \\S+ in stage, demo, prod$`).test(fact)))
    }
    assert.ok(facts.some((fact) => /^its function went back with it: .* alias live leads to version 1;/.test(fact)))
  })

  it('names the parts that a machine lacks before it begins anything', { timeout: 120_000 }, async () => {
    const place = await mkdtemp(join(tmpdir(), 'tbp-'))
    try {
      for (const program of ['git', 'node', 'npm', 'env']) await symlink(await whereIs(program), join(place, program))
      const { CI: _ci, ...environment } = process.env
      const ended = await tell({
        ...environment,
        PATH: place,
        XDG_CACHE_HOME: place,
        TRUNKLINE_PARTS: place,
        TMPDIR: place,
      })
      const { error } = ended.answer as { error: { code: string; message: string } }
      assert.equal(error.code, 'PART_MISSING', ended.stderr)
      assert.match(error.message, /docker-registry/)
    } finally {
      await rm(place, { recursive: true, force: true })
    }
  })
})

async function whereIs(program: string): Promise<string> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, program)
    const isThere = await access(path).then(
      () => true,
      () => false,
    )
    if (isThere) return path
  }
  throw new Error(`${program} is nowhere`)
}
