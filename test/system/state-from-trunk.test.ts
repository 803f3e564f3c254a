/** Invariant 12 as a command meets it: where state and artifacts are is trunk's word, whatever the delivered commit says. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createBareRemote } from '../fixtures/repository.ts'
import { openProject } from './project-under-test.ts'
import { configurationText, smallShop } from './small-shop.ts'

const here = { fleet: { hosts: ['local'] } }
const preview = { environments: { preview: { on: { branch: 'feature' }, target: here } } }

test('a branch that names another state, remote or artifact store moves none of them, and is told', async () => {
  await using elsewhere = await createBareRemote()
  await using project = await openProject({ files: smallShop({ ...preview, state: { prefix: 'refs/ours' } }) })
  await project.clone.addRemote('mine', elsewhere.directory)
  await project.clone.checkout('feature', { create: true })
  await project.clone.commit('Take the state away', {
    'trunkline.yaml': configurationText({
      ...preview,
      state: { remote: 'mine', prefix: 'refs/heads/mine' },
      artifacts: 'oci-layout:mine',
    }),
  })
  await project.clone.push('origin', 'feature')

  await project.json(0, ['hold', 'preview'])
  const delivered = await project.trunkline(['deliver'])
  assert.equal(delivered.exitCode, 0, delivered.stderr)
  for (const told of [
    'state.remote mine of this commit is ignored: trunkline.yaml on main says origin',
    'state.prefix refs/heads/mine of this commit is ignored: trunkline.yaml on main says refs/ours',
    'artifacts oci-layout:mine of this commit is ignored: trunkline.yaml on main says oci-layout',
  ]) {
    assert.ok(delivered.stderr.includes(told), `${told}\n${delivered.stderr}`)
  }

  assert.deepEqual(await elsewhere.refs(), {})
  const refs = Object.keys(await project.remote.refs())
  assert.deepEqual(
    refs.filter((ref) => !ref.startsWith('refs/ours/lease/')),
    ['refs/heads/feature', 'refs/heads/main', 'refs/ours/builds', 'refs/ours/env/preview'],
  )
  assert.equal(existsSync(join(project.clone.directory, 'mine')), false)
})
