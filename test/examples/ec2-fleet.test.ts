/** The example for virtual machines as its reader has it: its application, and what `trunkline.yaml` names. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parseDocument } from 'yaml'
import { parseProject } from '../../src/config/index.ts'
import type { Project } from '../../src/model/index.ts'
import { readParameterFile } from '../../src/targets/cloudformation/parameters.ts'

const execute = promisify(execFile)
const checkout = fileURLToPath(new URL('../..', import.meta.url))
const folder = join(checkout, 'examples/ec2-fleet')

const textOf = (path: string): string => readFileSync(join(folder, path), 'utf8')

function projectOf(file: string): Project {
  const parsed = parseProject({ text: textOf(file), file, pathExists: (path) => existsSync(join(folder, path)) })
  if ('problems' in parsed) assert.fail(parsed.problems.map(({ message }) => message).join('\n'))
  return parsed.project
}

/** Parameters without a default, and outputs; short forms (`!Ref`) are not looked at. */
function interfaceOf(template: string) {
  const read = parseDocument(textOf(template), { logLevel: 'silent' }).toJS() as {
    Parameters?: Record<string, { Default?: unknown }>
    Outputs?: Record<string, unknown>
  }
  const { Parameters = {}, Outputs = {} } = read
  return {
    parameters: Object.keys(Parameters),
    needed: Object.keys(Parameters).filter((name) => !('Default' in (Parameters[name] ?? {}))),
    outputs: Object.keys(Outputs),
  }
}

const stacksOf = ({ services }: Project) =>
  Object.values(services).flatMap(({ name, run, env }) =>
    run?.kind === 'cloudformation' && run.source.kind === 'template' ? [{ name, run, env, source: run.source }] : [],
  )

describe('trunkline.yaml', () => {
  test('has no mistake, nor has the rehearsal, and both make the same bundle', () => {
    const { web } = projectOf('trunkline.yaml').services
    const { web: rehearsed } = projectOf('trunkline.rehearsal.yaml').services
    assert.ok(web && rehearsed)
    for (const key of ['inputs', 'build', 'artifact', 'checks', 'run'] as const) {
      assert.deepEqual(rehearsed[key], web[key], key)
    }
  })

  test('its stacks come in order, and the application after the machines', () => {
    const { services } = projectOf('trunkline.yaml')
    const order = ['network', 'data', 'edge', 'fleet', 'watch']
    for (const { name, env } of stacksOf(projectOf('trunkline.yaml'))) {
      for (const variable of Object.values(env)) {
        assert.ok(variable.kind === 'output')
        assert.ok(order.indexOf(variable.service) < order.indexOf(name), `${name} takes from ${variable.service}`)
      }
    }
    assert.deepEqual(services['web']?.deployAfter, ['fleet'])
  })

  for (const environment of ['staging', 'production']) {
    test(`each stack has a value for each parameter in ${environment}, and each output that is taken is given`, () => {
      const project = projectOf('trunkline.yaml')
      const path = `infra/parameters/${environment}.json`
      const inFile = readParameterFile(textOf(path), path)
      const stacks = stacksOf(project)
      const outputs = new Map(stacks.map(({ name, source }) => [name, interfaceOf(source.template).outputs]))
      const used = new Set<string>()
      for (const { name, run, env, source } of stacks) {
        const { parameters, needed } = interfaceOf(source.template)
        for (const parameter of parameters) used.add(parameter)
        const given = new Set([...Object.keys(inFile), ...Object.keys(run.parameters), ...Object.keys(env)])
        assert.deepEqual(
          [...needed].filter((parameter) => !given.has(parameter)),
          [],
          `${name} lacks values`,
        )
        for (const parameter of [...Object.keys(run.parameters), ...Object.keys(env)]) {
          assert.ok(parameters.includes(parameter), `${name} has no parameter ${parameter}`)
        }
        for (const variable of Object.values(env)) {
          assert.ok(variable.kind === 'output')
          assert.ok(
            outputs.get(variable.service)?.includes(variable.output),
            `${variable.service} gives ${variable.output}`,
          )
        }
      }
      assert.deepEqual(
        Object.keys(inFile).filter((parameter) => !used.has(parameter)),
        [],
        'values that nobody takes',
      )
    })
  }

  test('the scripts of appspec.yml are there, and may be run', async () => {
    const locations = [...textOf('appspec.yml').matchAll(/location: ([^,\s]+)/g)].map(([, path = '']) => path)
    assert.equal(locations.length, 5)
    for (const location of locations) {
      await execute('sh', ['-n', join(folder, location)])
      await execute('test', ['-x', join(folder, location)])
    }
  })
})

describe('the application', () => {
  const copied = async (t: { after(end: () => Promise<void>): void }) => {
    const copy = await mkdtemp(join(tmpdir(), 'trunkline-ec2-fleet-'))
    t.after(() => rm(copy, { recursive: true, force: true }))
    await cp(folder, copy, { recursive: true, filter: (path) => !/\/(node_modules|dist)$/.test(path) })
    await symlink(join(checkout, 'node_modules'), join(copy, 'node_modules'))
    return copy
  }

  test('its own tests pass', { timeout: 120_000 }, async (t) => {
    const cwd = await copied(t)
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const files = readdirSync(join(cwd, 'app/test')).map((file) => `app/test/${file}`)
    const { stdout } = await execute(process.execPath, ['--test', ...files], { cwd, env })
    assert.match(stdout, /pass [1-9]/)
    assert.match(stdout, /fail 0/)
  })

  test('its types and its lint hold', { timeout: 120_000 }, async (t) => {
    const cwd = await copied(t)
    await execute(process.execPath, [join(checkout, 'node_modules/typescript/bin/tsc'), '--project', cwd], { cwd })
    const biome = join(checkout, 'node_modules/@biomejs/biome/bin/biome')
    await execute(process.execPath, [biome, 'lint', '--error-on-warnings', 'app', 'scripts'], { cwd })
  })

  test('what is built of it needs no types and nothing beside it', { timeout: 120_000 }, async (t) => {
    const cwd = await copied(t)
    await rm(join(cwd, 'node_modules'))
    await execute(process.execPath, ['--disable-warning=ExperimentalWarning', 'scripts/build.ts'], { cwd })
    const scripts = readdirSync(join(cwd, 'dist')).filter((file) => file.endsWith('.js'))
    assert.ok(scripts.includes('main.js'))
    for (const file of scripts) {
      await execute(process.execPath, ['--check', join('dist', file)], { cwd })
      const text = readFileSync(join(cwd, 'dist', file), 'utf8')
      assert.doesNotMatch(text, /\.ts'/, file)
      for (const [, from = ''] of text.matchAll(/from '([^']+)'/g)) assert.match(from, /^(node:|\.\/\w+\.js$)/)
    }
  })
})
