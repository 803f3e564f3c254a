import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import {
  currentProcess,
  endProcessesIn,
  hostIdentity,
  isSameProcessAlive,
  livenessOf,
  processStartTime,
} from '../../src/process/index.ts'
import { eventually } from './eventually.ts'

describe('the identity of a process', () => {
  const children: ChildProcess[] = []
  after(() => {
    for (const child of children) child.kill('SIGKILL')
  })
  const startChild = async (cwd?: string) => {
    const child = spawn('sleep', ['300'], { stdio: 'ignore', ...(cwd && { cwd }) })
    children.push(child)
    await once(child, 'spawn')
    return { child, pid: child.pid ?? 0 }
  }

  test('stays the same while it runs, and no other has it', async () => {
    const { pid } = await startChild()
    const startedAt = processStartTime(pid)
    assert.match(startedAt ?? '', /^\d+$/)
    assert.equal(processStartTime(pid), startedAt)
    assert.equal(isSameProcessAlive(pid, startedAt), true)
    assert.equal(isSameProcessAlive(pid, null), true)
    assert.equal(isSameProcessAlive(pid, `${startedAt}1`), false)
  })

  test('is gone with it, before anyone has asked how it ended', async () => {
    const { child, pid } = await startChild()
    const startedAt = processStartTime(pid)
    process.kill(pid, 'SIGKILL')
    await eventually(() => !isSameProcessAlive(pid, startedAt))
    assert.equal(isSameProcessAlive(pid, null), false)
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    assert.equal(processStartTime(pid), null)
  })

  test('is not invented for what is no pid', () => {
    for (const pid of [0, -1, 1.5, Number.NaN, 2 ** 40]) assert.equal(processStartTime(pid), null)
  })

  test('means something on its own host, boot and container only', () => {
    const here = currentProcess()
    assert.equal(here.host, hostIdentity())
    assert.equal(livenessOf(here), 'alive')
    assert.equal(livenessOf({ ...here, startedAt: '1' }), 'dead')
    assert.equal(livenessOf({ ...here, host: 'another' }), 'unknown')
    assert.equal(livenessOf({ ...here, host: null }), 'unknown')
  })

  test('is found by the directory it works in', { skip: process.platform !== 'linux' && 'reads /proc' }, async () => {
    const directory = await realpath(await mkdtemp(join(tmpdir(), 'trunkline-cwd-')))
    const inside = await startChild(directory)
    const outside = await startChild(tmpdir())
    assert.equal(await endProcessesIn(directory), 1)
    await eventually(() => processStartTime(inside.pid) === null)
    assert.notEqual(processStartTime(outside.pid), null)
    await rm(directory, { recursive: true })
  })
})
