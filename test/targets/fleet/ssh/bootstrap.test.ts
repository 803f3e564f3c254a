import assert from 'node:assert/strict'
import { execFile, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { gunzipSync, gzipSync } from 'node:zlib'
import { systemClock } from '../../../../src/clock/index.ts'
import { homeAt } from '../../../../src/home/index.ts'
import { TrunklineError } from '../../../../src/model/index.ts'
import { programFolder, programPath, programPaths, programVersion } from '../../../../src/program/index.ts'
import { createAgentClient, localConnection } from '../../../../src/targets/fleet/agent/client.ts'
import { findMarked } from '../../../../src/targets/fleet/agent/detached-process.ts'
import { fleetPathsAt } from '../../../../src/targets/fleet/agent/fleet-paths.ts'
import { createFleetTarget } from '../../../../src/targets/fleet/index.ts'
import { sshHost } from '../../../../src/targets/fleet/open-hosts.ts'
import { agentProgram } from '../../../../src/targets/fleet/ssh/agent-program.ts'
import { runtimeId } from '../../../../src/targets/fleet/ssh/host-scripts.ts'
import { installProgram } from '../../../../src/targets/fleet/ssh/install-program.ts'
import { bootstrapAgent } from '../../../../src/targets/fleet/ssh/ssh-link.ts'
import { type SshdPart, sshdMissing, startSshd } from '../../../parts/sshd.ts'
import { webApplication } from '../../applications.ts'
import { startLoad } from '../../load.ts'
import { MemoryStore } from '../../memory-store.ts'
import { getJson, requestFor } from '../../requests.ts'
import { eventually } from '../eventually.ts'

const execute = promisify(execFile)
const soon = () => AbortSignal.timeout(60_000)

describe('the bootstrap of a host with an empty home', { skip: sshdMissing() }, () => {
  let sshd: SshdPart
  let controller: string
  before(async () => {
    sshd = await startSshd()
    controller = mkdtempSync(join(tmpdir(), 'trunkline-bootstrap-'))
  })
  after(async () => {
    try {
      await agentThere()
        .call('shutdown', { services: 'stop' }, soon())
        .catch(() => {})
      for (const { pid } of findMarked(pathsThere().fleetId)) process.kill(pid, 'SIGKILL')
    } finally {
      await sshd.stop()
      rmSync(controller, { recursive: true, force: true })
    }
  })

  const there = (...path: string[]) => join(sshd.home, 't', ...path)
  const pathsThere = () => fleetPathsAt(there('fleet'))
  const agentThere = () => createAgentClient(localConnection(pathsThere().socket))
  const describeAgent = () => agentThere().call('describe', {}, soon())
  const bootstrap = async () => {
    const { stdout } = await execute(
      join(programFolder, 'bin', 'trunkline'),
      ['agent', 'bootstrap', sshd.host, '--json'],
      { env: { ...process.env, TRUNKLINE_SSH_CONFIG: sshd.configFile, TRUNKLINE_HOME: controller }, timeout: 300_000 },
    )
    const document: Record<string, unknown> = JSON.parse(stdout)
    return document
  }
  const target = () =>
    createFleetTarget({
      config: { hosts: [sshd.host], replicas: 2, ports: {}, listen: '127.0.0.1' },
      project: 'shop',
      environment: 'stage',
      home: homeAt({ TRUNKLINE_HOME: controller }),
      clock: systemClock,
      ssh: { configFile: sshd.configFile },
    })

  test('one command brings Node, the program and a running agent', async () => {
    const { runtime, program, sentBytes, agent } = await bootstrap()
    assert.deepEqual([runtime, program], ['copied', 'copied'])
    assert.ok(Number(sentBytes) > 10_000_000)
    const running = await describeAgent()
    assert.deepEqual(agent, { version: programVersion, pid: running.pid })
    const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex')
    assert.equal(digest(there('agent', 'runtimes', runtimeId, 'node')), digest(process.execPath))
    assert.deepEqual(readdirSync(there('agent', 'runtimes')), [runtimeId], 'nothing half-copied is left')
    assert.deepEqual(readdirSync(there('agent', 'programs')), [agentProgram().id])
  })

  test('once more it sends nothing and leaves the agent alone', async () => {
    const { pid } = await describeAgent()
    const { runtime, program, sentBytes, agent } = await bootstrap()
    assert.deepEqual([runtime, program, sentBytes], ['there', 'there', 0])
    assert.deepEqual(agent, { version: programVersion, pid })
  })

  test('an older agent is replaced in place: instances stay, and no request fails', async () => {
    await agentThere().call('shutdown', { services: 'keep' }, soon())
    const older = await startOlderAgent()
    const artifacts = new MemoryStore()
    const request = requestFor('web', await artifacts.addBundle(webApplication('1')))
    // As its own controller would: this one would replace the agent at once.
    const local = createFleetTarget({
      config: { hosts: ['local'], replicas: 2, ports: {}, listen: '127.0.0.1' },
      project: 'shop',
      environment: 'stage',
      home: homeAt({ TRUNKLINE_HOME: there() }),
      clock: systemClock,
      version: '0.0.1',
    })
    const context = { signal: soon(), epoch: 1, artifacts, report: () => {}, log: () => {} }
    assert.deepEqual(await local.ensure(request, context), { ok: true })
    assert.equal((await describeAgent()).pid, older)
    const url = (await observed(local)).url
    assert.ok(url)
    const pids = async () =>
      new Set(await Promise.all(Array.from({ length: 12 }, async () => (await getJson(url))['pid'])))
    const instances = await pids()
    const load = startLoad(url, 3)
    const after = await observed(target())
    await load.stop()
    assert.deepEqual(load.result.failures, [])
    const newer = await describeAgent()
    assert.notEqual(newer.pid, older)
    assert.equal(newer.version, programVersion)
    assert.equal(after.generation, request.desired.generation)
    assert.deepEqual([...(await pids())].sort(), [...instances].sort(), 'the same processes serve')
  })

  test('an agent of the same version from another folder is replaced when asked for by name', async () => {
    const before = await describeAgent()
    await agentThere().call('shutdown', { services: 'keep' }, soon())
    const other = await startAgentFrom(there('agent', 'programs', 'another'), programVersion)
    await eventually('it looks after both', async () => (await observed(target())).instances.ready === 2)
    assert.equal((await describeAgent()).pid, other, 'a deployment leaves it')
    await bootstrap()
    const after = await describeAgent()
    assert.notEqual(after.pid, other)
    assert.equal(after.program, before.program)
  })

  const observed = async (fleet: ReturnType<typeof target>) => {
    const observation = await fleet.observe(['web'], soon())
    assert.ok(observation.reachable, JSON.stringify(observation))
    const service = observation.services['web']
    assert.ok(service)
    return service
  }
  const startOlderAgent = () => startAgentFrom(there('agent', 'programs', 'older'), '0.0.1')
  const startAgentFrom = async (folder: string, version: string): Promise<number> => {
    cpSync(there('agent', 'programs', agentProgram().id), folder, { recursive: true })
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ ...manifest, version }))
    const command = [join(folder, programPath('agent')), there('fleet')]
    const child = spawn(process.execPath, command, { detached: true, stdio: 'ignore' })
    child.unref()
    await eventually('the agent runs', async () => (await describeAgent()).pid === child.pid)
    return child.pid ?? 0
  }
})

describe('a host of another kind', { skip: sshdMissing() }, () => {
  const withPrograms = async (node: string, work: (sshd: SshdPart) => Promise<void>) => {
    const folder = mkdtempSync(join(tmpdir(), 'trunkline-strange-'))
    for (const [name, text] of Object.entries({ uname: 'test "$1" = -s && echo Linux || echo riscv64', node })) {
      writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
    }
    const sshd = await startSshd({ PATH: `${folder}:/usr/bin:/bin` })
    try {
      await work(sshd)
    } finally {
      await sshd.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  }
  const bootstrapOf = (sshd: SshdPart) => {
    const host = sshHost(sshd.host, { ssh: { configFile: sshd.configFile } })
    assert.ok(host)
    return bootstrapAgent(host, soon())
  }

  test('is named, with what would help, and nothing is left on it', () =>
    withPrograms('echo v18.1.0', async (sshd) => {
      await assert.rejects(bootstrapOf(sshd), (error: unknown) => {
        assert.ok(error instanceof TrunklineError)
        assert.equal(error.code, 'HOST_PLATFORM')
        assert.match(error.message, /is Linux riscv64; the Node here runs on \w+ \w+/)
        assert.match(error.hint ?? '', /it has v18\.1\.0/)
        return true
      })
      assert.ok(!existsSync(join(sshd.home, 't', 'agent', 'runtimes')))
    }))

  test('lends its own Node where that is new enough', () =>
    withPrograms(`exec '${process.execPath}' "$@"`, async (sshd) => {
      const { report, agent } = await bootstrapOf(sshd)
      assert.equal(report.runtime, 'linked')
      const paths = fleetPathsAt(join(sshd.home, 't', 'fleet'))
      const client = createAgentClient(localConnection(paths.socket))
      assert.equal((await client.call('describe', {}, soon())).pid, agent.pid)
      await client.call('shutdown', { services: 'stop' }, soon())
    }))
})

describe('the installation of a program on a host', () => {
  const install = (folder: string, id: string, digest: string, archive: Buffer) =>
    spawnSync(
      process.execPath,
      ['-e', `(${installProgram.toString()})()`, 'code', 'hex', folder, id, digest, 'v24.0.0'],
      {
        input: archive,
        encoding: 'utf8',
        timeout: 60_000,
      },
    )
  const archiveOf = (files: Record<string, string>) => {
    const text = JSON.stringify(
      Object.fromEntries(
        Object.entries(files).map(([name, content]) => [name, Buffer.from(content).toString('base64')]),
      ),
    )
    return { digest: createHash('sha256').update(text).digest('hex'), archive: gzipSync(text) }
  }
  const withFolder = (work: (folder: string) => void) => {
    const folder = mkdtempSync(join(tmpdir(), 'trunkline-install-'))
    try {
      mkdirSync(join(folder, 'runtimes', 'v24.0.0'), { recursive: true })
      work(folder)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  test('what came damaged or cut short is not kept', () =>
    withFolder((folder) => {
      const { digest, archive } = archiveOf({ 'a.js': '1' })
      assert.notEqual(install(folder, 'one', digest, gzipSync('{}')).status, 0)
      assert.notEqual(install(folder, 'one', digest, archive.subarray(0, archive.length - 5)).status, 0)
      assert.deepEqual(readdirSync(join(folder, 'programs')), [])
      assert.equal(install(folder, 'one', digest, archive).status, 0)
      assert.equal(readFileSync(join(folder, 'programs', 'one', 'a.js'), 'utf8'), '1')
    }))

  test('old programs are deleted, but not the last two, and none that runs', (context) =>
    withFolder((folder) => {
      if (process.platform !== 'linux') return context.skip('only Linux lets us read what runs')
      const programs = join(folder, 'programs')
      for (const [index, name] of ['oldest', 'older', 'old', 'last', 'running'].entries()) {
        mkdirSync(join(programs, name), { recursive: true })
        const at = new Date(Date.now() - (name === 'running' ? 1e9 : 1e8 - index * 1e7))
        utimesSync(join(programs, name), at, at)
      }
      writeFileSync(join(programs, 'running', 'wait.js'), 'setTimeout(() => {}, 60_000)')
      const child = spawn(process.execPath, [join(programs, 'running', 'wait.js')], { stdio: 'ignore' })
      try {
        const { digest, archive } = archiveOf({ 'a.js': '1' })
        assert.equal(install(folder, 'new', digest, archive).status, 0)
        assert.deepEqual(readdirSync(programs).sort(), ['last', 'new', 'old', 'running'])
      } finally {
        child.kill('SIGKILL')
      }
    }))
})

describe('the program for a host', () => {
  const filesOf = (program: ReturnType<typeof agentProgram>): string[] =>
    Object.keys(JSON.parse(gunzipSync(program.archive()).toString('utf8')))

  test('is all that its processes import, with the packages they need, and nothing of a delivery', () => {
    const files = filesOf(agentProgram())
    for (const path of programPaths()) assert.ok(files.includes(path), path)
    for (const path of ['src/artifacts/unpack.ts', 'package.json', 'node_modules/tar-stream/package.json']) {
      assert.ok(files.includes(path), path)
    }
    assert.deepEqual(
      files.filter((path) => /^src\/(?:cli|delivery|git|planning)\//.test(path)),
      [],
    )
  })

  test('has what a minifier imports in its own way', () => {
    const folder = mkdtempSync(join(tmpdir(), 'trunkline-program-'))
    try {
      const entry = join(folder, programPath('agent'))
      mkdirSync(join(entry, '..'), { recursive: true })
      writeFileSync(entry, 'import{a}from"./a.js";import"./b.js";const c=()=>import(`./c.js`)')
      for (const name of ['a', 'b', 'c', 'd']) writeFileSync(join(entry, '..', `${name}.js`), '')
      const names = filesOf(agentProgram(folder)).map((path) => path.slice(path.lastIndexOf('/') + 1))
      assert.deepEqual(names, ['a.js', 'b.js', 'c.js', 'start.ts'])
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
