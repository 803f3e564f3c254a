/** Signatures as people meet them: keys in files and in an agent, git beside it, and the whole ledger verified. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import type { DeliveryResult } from '../../src/delivery/index.ts'
import type { StatusDocument, VerificationDocument } from '../../src/reporting/index.ts'
import { temporaryFolder } from '../git/temporary-folder.ts'
import { makeKey, startAgent } from '../signing/keys.ts'
import { type ErrorDocument, openProject } from './project-under-test.ts'
import { configurationText, smallShop } from './small-shop.ts'

const prod = 'refs/trunkline/env/prod'

test('a shop switches signatures on: keys decide, forgeries are named, and the ledger is verified anywhere', async () => {
  await using folder = await temporaryFolder()
  const [ci, anna] = [makeKey(folder.path, 'ci'), makeKey(folder.path, 'anna')]
  await using project = await openProject({ files: smallShop({ services: { worker: null } }) })
  const asCi = { environment: { TRUNKLINE_SIGNING_KEY: ci.path } }
  assert.equal((await project.json(0, ['deliver'])).outcome, 'succeeded')
  assert.equal((await project.json<VerificationDocument>(0, ['verify-ledger'])).signed, false)

  await project.push('List builders', {
    'trunkline.yaml': configurationText({
      services: { worker: null },
      environments: { prod: { approval: { by: ['@managers'] } } },
      builders: [{ name: 'ci', ssh: ci.publicKey }],
      people: { managers: [{ email: 'anna@example.com', ssh: anna.publicKey }] },
    }),
  })
  const keyless = await project.json<ErrorDocument>(3, ['deliver'])
  assert.equal(keyless.error.code, 'NO_SIGNING_KEY')
  assert.match(keyless.error.hint ?? '', /TRUNKLINE_SIGNING_KEY/)
  assert.equal((await project.json<ErrorDocument>(3, ['deliver'], asCi)).error.code, 'HISTORY_UNSIGNED')
  const shown = await project.trunkline(['adopt'], asCi)
  assert.match(shown.stdout, /env\/stage at .*nothing on it is signed by a builder[\s\S]*trunkline adopt --yes/)
  assert.equal((await project.trunkline(['adopt', '--yes'], asCi)).exitCode, 0)
  assert.equal((await project.json(0, ['deliver'], asCi)).outcome, 'succeeded')

  await project.clone.tag('v1')
  await project.clone.push('origin', 'refs/tags/v1')
  const tagged = ['deliver', '--ref', 'refs/tags/v1']
  assert.equal((await project.json(0, tagged, asCi)).outcome, 'waiting')
  // As anybody who may push: git, and Anna's name.
  const { remote } = project
  const event = JSON.parse(await remote.git('show', `${prod}:event.json`))
  const state = JSON.parse(await remote.git('show', `${prod}:state.json`))
  const approval = { ...event, seq: state.seq + 1, kind: 'approved', plan: state.waiting.plan }
  const blob = (text: string) =>
    execFileSync('git', ['hash-object', '-w', '--stdin'], {
      cwd: remote.directory,
      input: text,
      encoding: 'utf8',
    }).trim()
  const entries = `100644 blob ${blob(JSON.stringify(approval))}\tevent.json\n100644 blob ${blob(JSON.stringify(state))}\tstate.json\n`
  const tree = execFileSync('git', ['mktree'], { cwd: remote.directory, input: entries, encoding: 'utf8' }).trim()
  const who = ['-c', 'user.name=Anna', '-c', 'user.email=anna@example.com']
  const forged = await remote.git(...who, 'commit-tree', '-p', prod, '-m', 'prod: Anna approved', tree)
  await remote.git('update-ref', prod, forged)
  const advanced = await project.json<DeliveryResult>(0, ['advance'], asCi)
  const reasons = advanced.environments.find(({ name }) => name === 'prod')?.reasons ?? []
  assert.deepEqual(
    reasons.map(({ code }) => code),
    ['awaiting-approval', 'signature-missing'],
  )
  assert.match((await project.trunkline(['status'])).stdout, /Anna approved.*counts for nothing/)

  using agent = await startAgent(folder.path)
  await agent.add(anna)
  const asAnna = {
    environment: {
      SSH_AUTH_SOCK: agent.socket,
      TRUNKLINE_SIGNING_KEY: `${anna.path}.pub`,
      TRUNKLINE_ACTOR: 'Anna',
      TRUNKLINE_ACTOR_EMAIL: 'anna@example.com',
    },
  }
  const approved = await project.json<DeliveryResult>(0, ['approve', 'prod'], asAnna)
  assert.deepEqual(
    approved.environments[0]?.reasons.map(({ code }) => code),
    ['awaiting-builder'],
  )
  assert.equal((await project.json(0, ['advance'], asCi)).outcome, 'succeeded')
  const { environments } = await project.json<StatusDocument>(0, ['status', 'prod'])
  assert.equal(environments[0]?.version, 'v1')

  const bad = await project.json<VerificationDocument>(1, ['verify-ledger'])
  assert.deepEqual([bad.first?.ref, bad.first?.commit, bad.first?.code], [prod, forged, 'signature-missing'])
  const page = await project.trunkline(['verify-ledger'])
  assert.match(page.stdout, /first bad: refs\/trunkline\/env\/prod at [0-9a-f]{12}, event \d+\n {2}signature-missing/)
  assert.equal((await project.trunkline(['adopt', '--all', '--yes'], asCi)).exitCode, 0)
  const good = await project.json<VerificationDocument>(0, ['verify-ledger', '--artifacts'])
  assert.equal(good.signed, true)
  assert.equal(good.artifacts?.missing, 0)

  const bundle = join(folder.path, 'state.bundle')
  await remote.git('bundle', 'create', '--quiet', bundle, '--glob=refs/trunkline/*')
  assert.deepEqual(
    (await project.json<VerificationDocument>(0, ['verify-ledger', '--repository', bundle])).problems,
    [],
  )
  const allowed = await project.trunkline(['verify-ledger', '--allowed-signers'])
  assert.deepEqual(allowed.stdout.trim().split('\n'), [
    `ci namespaces="git" ${ci.publicKey}`,
    `anna@example.com namespaces="git" ${anna.publicKey}`,
  ])
  await project.clone.git('fetch', '--quiet', 'origin')
  await project.clone.git('remote', 'set-url', 'origin', '/nowhere')
  const offline = await project.trunkline(['verify-ledger', '--offline', '--json'])
  assert.equal(offline.exitCode, 0, offline.stdout + offline.stderr)
  await project.clone.git('remote', 'set-url', 'origin', remote.directory)

  // Put back by force to what it was before the approval: every signature is good, and this machine remembers.
  await remote.git('update-ref', prod, `${forged}~1`)
  const rewritten = await project.json<VerificationDocument>(1, ['verify-ledger'])
  assert.equal(rewritten.first?.code, 'history-rewritten')
})
