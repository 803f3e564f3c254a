/** What becomes of a Job whose run left no outcome: always the world's fault, told by its reason. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { KubernetesObject } from '../../src/kubernetes-api/index.ts'
import { endOf, faultOfEnd, hindranceOf } from '../../src/workplaces/kubernetes/how-it-ended.ts'

const podOf = (status: object): KubernetesObject => ({
  ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'worker', namespace: 'builds' } },
  status,
})
const ended = (terminated: object) => podOf({ phase: 'Failed', containerStatuses: [{ state: { terminated } }] })
const jobOf = (type: string, reason?: string): KubernetesObject => ({
  ...{ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'job', namespace: 'builds' } },
  status: { conditions: [{ type, status: 'True', ...(reason !== undefined && { reason }) }] },
})

describe('the end of a Job', () => {
  test('is what its controller says', () => {
    assert.equal(endOf(jobOf('Complete')), 'complete')
    assert.equal(endOf(jobOf('Failed', 'BackoffLimitExceeded')), 'failed')
    assert.equal(endOf(jobOf('Failed', 'DeadlineExceeded')), 'timed-out')
    assert.equal(endOf(jobOf('SuccessCriteriaMet')), null)
  })

  const faults: Array<[string, KubernetesObject | null, string, RegExp]> = [
    ['killed for its memory', ended({ exitCode: 137, reason: 'OOMKilled' }), 'WORK_OUT_OF_MEMORY', /than its limit/],
    [
      'evicted',
      podOf({ phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' }),
      'WORK_EVICTED',
      /evicted: The node was low on resource/,
    ],
    [
      'without trunkline in its image',
      ended({ exitCode: 128, reason: 'StartError', message: 'exec: "trunkline": executable file not found in $PATH' }),
      'WORK_CANNOT_START',
      /executable file not found/,
    ],
    ['without a store', ended({ exitCode: 4, reason: 'Error' }), 'WORK_LOST', /exit code 4 and left no outcome/],
    ['on a node that went away', podOf({ phase: 'Failed', reason: 'NodeLost' }), 'WORK_LOST', /is gone: NodeLost/],
    ['whose pod was deleted', null, 'WORK_LOST', /its pod was deleted/],
  ]
  for (const [what, pod, code, message] of faults) {
    test(`${what} is errored`, () => {
      const fault = faultOfEnd('build web', 'failed', pod)
      assert.deepEqual([fault.kind, fault.code], ['errored', code])
      assert.match(fault.message, message)
    })
  }

  test('past its deadline is errored, whatever its pod says', () => {
    assert.equal(faultOfEnd('build web', 'timed-out', null).code, 'WORK_TIMED_OUT')
  })
})

test('a node that does not fit may still come, an image that cannot be pulled does not', () => {
  const condition = { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes fit' }
  const unschedulable = hindranceOf(podOf({ phase: 'Pending', conditions: [condition] }))
  assert.equal(unschedulable.isFinal, false)
  assert.match(unschedulable.reasons[0]?.message ?? '', /finds no node: 0\/3 nodes fit/)
  const state = { waiting: { reason: 'ImagePullBackOff', message: 'not found' } }
  assert.equal(hindranceOf(podOf({ phase: 'Pending', containerStatuses: [{ name: 'worker', state }] })).isFinal, true)
})
