/**
 * A delivery of 50 functions against an emulator of AWS: with one of them changed, with all of them, and with none. Calls
 * are counted on their way; those of the change itself are what the function, its version, its alias and its zip take.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { openAws } from '../src/aws/index.ts'
import { systemClock } from '../src/clock/index.ts'
import { awsMissing, startAws } from '../test/parts/aws/aws.ts'
import { startFaults } from '../test/parts/aws/faults.ts'
import { makeRole, role } from '../test/targets/lambda/lambda-under-test.ts'
import { measureInTurns, type Report, type Row, runCommand } from './measuring/measure.ts'
import { trunklinePrograms } from './measuring/programs.ts'
import { present, printReport } from './measuring/report.ts'
import { git, scratchFolder } from './measuring/scratch.ts'

const names = Array.from({ length: 50 }, (_, index) => `f${index}`)
const changed = 'f7'
const bucket = 'bench-functions'
const skipped: Report['skipped'] = []
const missing = awsMissing()
if (missing !== false) {
  printReport({ bench: 'lambda', about: '', rows: [], skipped: [{ name: 'everything', why: missing }], notes: [] })
  process.exit(0)
}
using scratch = scratchFolder()
const aws = await startAws()
scratch.endings.push(() => aws.stop())
const calls = await startFaults(aws)
scratch.endings.push(() => calls.stop())
const clone = join(scratch.path, 'shop')
const environment = { ...scratch.environment, ...aws.environment, TRUNKLINE_CONCURRENCY: '16' }
try {
  await makeBucket()
  await makeRole(aws)
  makeShop()
  const programs = present(trunklinePrograms(), skipped)
  const [own] = programs
  if (own === undefined) throw new Error('there is no Trunkline to measure')
  await deliver(own.argv, 'succeeded')
  let turn = 0
  let beyond = 0
  const rows: Row[] = programs.flatMap(({ name, argv }) => [
    { name: `${name}: deliver, 50 functions, nothing to do`, run: () => deliver(argv, 'nothing') },
    {
      name: `${name}: deliver, 50 functions, one changed`,
      run: async () => {
        change([changed], ++turn)
        calls.clear()
        const tookMs = await deliver(argv, 'succeeded')
        beyond = Math.max(beyond, callsBeyondTheChange())
        return tookMs
      },
    },
    {
      name: `${name}: deliver, 50 functions, all changed`,
      run: async () => {
        change(names, ++turn)
        return await deliver(argv, 'succeeded')
      },
    },
  ])
  const measured = await measureInTurns(rows, 3)
  printReport({
    bench: 'lambda',
    about: '50 functions of AWS Lambda, against an emulator on this machine that answers one call after the other',
    rows: measured,
    skipped,
    notes: [`calls of a delivery with one changed function, beyond the change itself: ${beyond}`],
    figures: { beyond },
  })
} finally {
  await calls.stop()
  await aws.stop()
}

async function makeBucket(): Promise<void> {
  const client = openAws(aws.access, { variables: aws.environment, clock: systemClock })
  const command = new CreateBucketCommand({
    Bucket: bucket,
    CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' },
  })
  await client.send(client.client(S3Client), command, { signal: AbortSignal.timeout(60_000) })
  await client.close()
}

function makeShop(): void {
  const remote = join(scratch.path, 'shop.git')
  mkdirSync(clone)
  git(scratch, clone, 'init', '--quiet', '--initial-branch=main')
  git(scratch, scratch.path, 'init', '--quiet', '--bare', '--initial-branch=main', remote)
  git(scratch, clone, 'remote', 'add', 'origin', remote)
  const run = { lambda: { handler: 'index.main', runtime: 'nodejs22.x' } }
  const configuration = {
    project: 'bench',
    aws: { region: aws.region, account: aws.account, endpoint: calls.endpoint },
    services: Object.fromEntries(names.map((name) => [name, { path: name, artifact: { zip: {} }, run }])),
    environments: { stage: { on: { branch: 'main' }, target: { lambda: { bucket, role } } } },
  }
  writeFileSync(join(clone, 'trunkline.yaml'), JSON.stringify(configuration, null, 2))
  change(names, 0)
}

function change(functions: readonly string[], turn: number): void {
  for (const name of functions) {
    mkdirSync(join(clone, name), { recursive: true })
    writeFileSync(join(clone, name, 'index.js'), `exports.main = async () => '${name} ${turn} ${process.pid}'\n`)
  }
  git(scratch, clone, 'add', '--all')
  git(scratch, clone, 'commit', '--quiet', '--message', `turn ${turn}`)
  git(scratch, clone, 'push', '--quiet', 'origin', 'main')
}

async function deliver(argv: readonly string[], outcome: 'succeeded' | 'nothing'): Promise<number> {
  const startedAt = performance.now()
  const expect = new RegExp(`"outcome": "${outcome}"`)
  await runCommand([...argv, 'deliver', '--json'], { cwd: clone, environment, expect, timeoutMs: 300_000 })
  return performance.now() - startedAt
}

/** The change: what is asked of its own function, and its zip. */
function callsBeyondTheChange(): number {
  const own = calls.calls(new RegExp(`bench-stage-${changed}\\b`)).length
  const zips = calls.calls().filter((call) => call === 's3:HeadObject').length
  return calls.calls().length - own - 2 * zips
}
