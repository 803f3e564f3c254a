import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Digest } from '../../../src/model/index.ts'
import type { InstanceStatus, ServiceStatus } from '../../../src/targets/fleet/agent/protocol.ts'
import { observedOverHosts, observedService, unknownService } from '../../../src/targets/fleet/observation.ts'

const artifact = `sha256:${'a'.repeat(64)}` as Digest

let count = 0
const instance = (change: Partial<InstanceStatus> = {}): InstanceStatus => ({
  id: `web-${++count}`,
  generation: 'fleet-1',
  phase: 'healthy',
  weight: 1,
  inFlight: 0,
  exits: 0,
  startedAtMs: 0,
  notHealthySinceMs: null,
  drainingSinceMs: null,
  artifact,
  pid: 1,
  port: 4000,
  rssBytes: null,
  cpuPercent: null,
  lastEnd: null,
  ...change,
})

/** A service whose last rollout to its end was to `one`, in two instances. */
const observed = (...instances: InstanceStatus[]) => {
  const stable = {
    generation: 'fleet-1',
    desiredGeneration: 'one',
    fingerprint: null,
    artifact,
    replicas: 2,
    startTimeoutMs: 1,
    drainTimeoutMs: 1,
  }
  const status: ServiceStatus = {
    service: 'web',
    revision: 1,
    nowMs: 0,
    stable,
    address: null,
    split: null,
    preview: null,
    instances,
    inPlace: null,
  }
  return observedService(status, 2)
}

test('a generation that stands alone and in full is what runs', () => {
  assert.equal(observed(instance(), instance()).generation, 'one')
  assert.equal(
    observed(instance(), instance(), instance({ generation: 'fleet-2', phase: 'stopped' })).generation,
    'one',
  )
})

test('an instance that an interrupted rollout had only begun to start makes a mixture, so that somebody ends it', () => {
  const leftover = { generation: 'fleet-2', weight: 0 } as const
  for (const phase of ['starting', 'healthy', 'unhealthy'] as const) {
    const { generation, instances } = observed(instance(), instance(), instance({ ...leftover, phase }))
    assert.equal(generation, null, phase)
    assert.deepEqual(instances, { ready: 2, desired: 2 })
  }
  assert.equal(observed(instance(), instance(), instance()).generation, null, 'one more than is wanted')
})

test('an instance that is down is no mixture: it comes back, and until then one is missing', () => {
  const { generation, instances } = observed(instance(), instance({ phase: 'unhealthy' }))
  assert.equal(generation, 'one')
  assert.deepEqual(instances, { ready: 1, desired: 2 })
})

test('a service on several hosts runs a generation where every host does, and its instances are added up', () => {
  const here = observed(instance(), instance())
  const elsewhere = { ...observed(instance(), instance({ phase: 'unhealthy' })), url: 'http://web2:8080' }
  const both = observedOverHosts([
    { name: 'web1', observed: { ...here, url: 'http://web1:8080' } },
    { name: 'web2', observed: elsewhere },
  ])
  assert.equal(both.generation, 'one')
  assert.deepEqual(both.instances, { ready: 3, desired: 4 })
  assert.equal(both.url, 'http://web1:8080')
  assert.deepEqual(both.hosts, [
    { name: 'web1', instances: { ready: 2, desired: 2 }, url: 'http://web1:8080' },
    { name: 'web2', instances: { ready: 1, desired: 2 }, url: 'http://web2:8080' },
  ])
  const half = observedOverHosts([
    { name: 'web1', observed: here },
    { name: 'web2', observed: unknownService },
  ])
  assert.equal(half.generation, null, 'a host that has nothing makes a mixture')
})
