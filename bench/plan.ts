/** `plan` on 1,000 services and 100,000 files: a cold process that works out every input hash, beside tools that answer less. */
import { rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { largeRepository, thousandServices } from './measuring/large-repository.ts'
import { commandRow, measureInTurns, type Report, type Row, runCommand } from './measuring/measure.ts'
import { npmModules, npmProgram, trunklinePrograms } from './measuring/programs.ts'
import { present, printReport } from './measuring/report.ts'
import { scratchFolder } from './measuring/scratch.ts'
import { endFleet } from './measuring/shop.ts'

const rounds = 5
using scratch = scratchFolder()
scratch.endings.push(() => endFleet(scratch))
const { environment } = scratch
const skipped: Report['skipped'] = []
const { clone } = await largeRepository(scratch, 'mono', thousandServices)
const aged = await largeRepository(scratch, 'aged', { ...thousandServices, history: 10_000 })
symlinkSync(npmModules, join(clone, 'node_modules'))

const affected = /s0500/
/** A home of its own for plans that find nothing kept. Its fleet stays: to start an agent is another measurement. */
const bare = { ...scratch, environment: { ...environment, TRUNKLINE_HOME: join(scratch.path, 'bare') } }
scratch.endings.push(() => endFleet(bare))

function withNothingKept({ name, run, memory }: Required<Row>): Required<Row> {
  const forget = () => {
    for (const folder of ['projects', 'selections', 'sources', 'state']) {
      rmSync(join(bare.environment.TRUNKLINE_HOME, folder), { recursive: true, force: true })
    }
  }
  return {
    name,
    run: async () => {
      forget()
      const startedAt = performance.now()
      await run()
      return performance.now() - startedAt
    },
    memory: async () => {
      forget()
      return await memory()
    },
  }
}

try {
  const programs = present(trunklinePrograms(), skipped)
  const firstEver: Report['notes'] = []
  for (const { name, argv } of programs) {
    // The agent that the last one started is told of there.
    await endFleet(scratch)
    rmSync(environment['TRUNKLINE_HOME'] ?? '', { recursive: true, force: true })
    const startedAt = performance.now()
    await runCommand([...argv, 'plan', '--json'], { cwd: clone, environment, expect: affected })
    firstEver.push(`${name}: ${Math.round(performance.now() - startedAt)} ms the first time ever, without any cache`)
  }

  // Every measured plan is of a commit that no plan has looked at before: what is kept is of its parent.
  rmSync(join(environment['TRUNKLINE_HOME'] ?? '', 'selections'), { recursive: true, force: true })
  for (const { argv } of programs) {
    for (const cwd of [clone, aged.clone]) await runCommand([...argv, 'plan', '--json', 'HEAD~1'], { cwd, environment })
  }

  const turboEnvironment = {
    ...environment,
    TURBO_SCM_BASE: 'HEAD~1',
    TURBO_SCM_HEAD: 'HEAD',
    TURBO_TELEMETRY_DISABLED: '1',
  }
  const nxEnvironment = { ...environment, NX_DAEMON: 'false', NX_NO_CLOUD: 'true' }
  const turbo = present(
    [
      npmProgram(
        'turbo ls --affected',
        'turbo',
        `@turbo/linux-${process.arch === 'x64' ? '64' : process.arch}/bin/turbo`,
      ),
    ],
    skipped,
  )
  const nx = present([npmProgram('nx show projects --affected', 'nx', '.bin/nx')], skipped)

  const rows: Row[] = [
    ...turbo.map(({ name, argv }) =>
      commandRow(name, [...argv, 'ls', '--affected', '--output=json'], {
        cwd: clone,
        environment: turboEnvironment,
        expect: affected,
      }),
    ),
    ...programs.map(({ name, argv }) =>
      commandRow(`${name}: plan`, [...argv, 'plan', '--json'], { cwd: clone, environment, expect: affected }),
    ),
    ...programs.map(({ name, argv }) =>
      commandRow(`${name}: plan, 10,000 commits`, [...argv, 'plan', '--json'], {
        cwd: aged.clone,
        environment,
        expect: affected,
      }),
    ),
    ...programs.map(({ name, argv }) =>
      withNothingKept(
        commandRow(`${name}: plan, nothing kept`, [...argv, 'plan', '--json'], {
          cwd: clone,
          environment: bare.environment,
          expect: affected,
        }),
      ),
    ),
    commandRow('git diff-tree', ['git', 'diff-tree', '-r', '-z', 'HEAD~1', 'HEAD'], {
      cwd: clone,
      environment,
      expect: affected,
    }),
    commandRow('git ls-tree -r', ['git', 'ls-tree', '-r', '-z', 'HEAD'], { cwd: clone, environment, expect: affected }),
    commandRow('node -e 0', [process.execPath, '-e', '0'], { cwd: clone, environment }),
  ]
  const measured = await measureInTurns(rows, rounds)
  // By far the slowest: fewer rounds.
  measured.push(
    ...(await measureInTurns(
      nx.map(({ name, argv }) =>
        commandRow(name, [...argv, 'show', 'projects', '--affected', '--base=HEAD~1', '--head=HEAD'], {
          cwd: clone,
          environment: nxEnvironment,
          expect: affected,
        }),
      ),
      1,
    )),
  )
  printReport({
    bench: 'plan',
    about: '1,000 services, 100,000 files, one file changed',
    rows: measured,
    skipped,
    notes: firstEver,
  })
} finally {
  // A plan asks the fleet's agent, which is started for it.
  await endFleet(scratch)
  await endFleet(bare)
}
