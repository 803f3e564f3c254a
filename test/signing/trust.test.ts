import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { adoptHistories, checkCommit } from '../../src/delivery/index.ts'
import { allowedSigners, signersOf } from '../../src/ledger/index.ts'
import type { EnvironmentState, LedgerEvent } from '../../src/model/index.ts'
import { type Bench, ben, cleo, codes, createBench, outcomes } from '../fixtures/world.ts'
import {
  buildsRef,
  createSignedBench,
  environmentRef,
  fileAt,
  mallory,
  pushByHand,
  type SignedBench,
  signedConfig,
  tipOf,
  yanksRef,
} from './signed-bench.ts'

const { signal } = new AbortController()
const prod = environmentRef('prod')
const stage = environmentRef('stage')

const refusal = (code: string) => ({ kind: 'refused', code })

async function eventAt(bench: Bench, ref: string): Promise<LedgerEvent> {
  return JSON.parse(await fileAt(bench, ref, 'event.json'))
}
async function stateAt(bench: Bench, ref: string): Promise<EnvironmentState> {
  return JSON.parse(await fileAt(bench, ref, 'state.json'))
}
const documents = (event: unknown, state: unknown) => ({
  'event.json': JSON.stringify(event),
  'state.json': JSON.stringify(state),
})

/** An approval with all that Trunkline writes, in somebody's name. */
async function forgedApproval(bench: Bench, plan: string, actor: typeof ben) {
  const state = await stateAt(bench, prod)
  const at = new Date(bench.clock.now()).toISOString()
  const event = { version: 1, seq: state.seq + 1, at, actor, environment: 'prod', reasons: [], kind: 'approved', plan }
  const forged = { ...state, seq: state.seq + 1, approvals: [{ actor, plan, at }] }
  return documents(event, forged)
}
const signedFor = (ref: string) => `Signed-For: shop ${ref}`

describe('with builders and people listed', () => {
  test('a delivery and its approval are signed, and git agrees with a list of allowed signers', async () => {
    await using bench = await createSignedBench()
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
    await bench.waits('v1')
    await (await bench.person(ben)).approve('prod')
    assert.deepEqual(outcomes(await bench.advance('prod')), { prod: 'succeeded' })
    await (await bench.person(cleo)).yank('v1')

    const signers = signersOf((await bench.scene()).project)
    assert.ok(signers)
    const allowed = join(bench.folder, 'allowed_signers')
    writeFileSync(
      allowed,
      allowedSigners(signers)
        .map((line) => `${line}\n`)
        .join(''),
    )
    for (const ref of [stage, prod, buildsRef, yanksRef]) {
      const shown = execFileSync(
        'git',
        ['-c', `gpg.ssh.allowedSignersFile=${allowed}`, 'log', '--format=%G? %GS', ref],
        {
          cwd: bench.remote.directory,
          encoding: 'utf8',
          env: { ...process.env, ...bench.remote.environment },
        },
      )
      const lines = shown.trim().split('\n')
      assert.ok(lines.length > 0 && lines.every((line) => line.startsWith('G ')), `${ref}: ${shown}`)
      const people = lines.filter((line) => line !== 'G ci')
      assert.deepEqual(
        people,
        ref === buildsRef ? [] : ref === prod ? ['G cleo@example.com', 'G ben@example.com'] : ['G cleo@example.com'],
      )
    }
    await bench.remote.git('fsck', '--strict', '--no-progress')
  })

  test('who has no key, or one that is not listed, is refused before anything is built', async () => {
    await using bench = await createSignedBench()
    const main = await bench.clone.head()
    const without = await bench.controller({ name: 'keyless' })
    await assert.rejects(without.deliver('main'), refusal('NO_SIGNING_KEY'))
    await assert.rejects(without.deploy('stage', main), refusal('NO_SIGNING_KEY'))
    await assert.rejects(without.advance(), refusal('NO_SIGNING_KEY'))
    assert.deepEqual(without.builder.work, [])
    const stranger = await bench.person(mallory)
    await assert.rejects(stranger.deliver('main'), refusal('KEY_NOT_LISTED'))
    await assert.rejects(stranger.hold('stage'), refusal('KEY_NOT_LISTED'))
    // A manager is no builder.
    await assert.rejects((await bench.person(ben)).deliver('main'), refusal('KEY_NOT_LISTED'))
    assert.deepEqual(
      Object.keys(await bench.remote.refs()).filter((ref) => ref.startsWith('refs/trunkline/')),
      [],
    )
    assert.equal(
      (await without.plan(main, { ref: 'refs/heads/main' })).environments[0]?.action,
      'deploy',
      'looking needs none',
    )
  })

  test('nobody approves in the name of another, nor does a builder', async () => {
    await using bench = await createSignedBench()
    await bench.deliver('main')
    await bench.waits('v1')
    await assert.rejects((await bench.person(ben, bench.keys.cleo)).approve('prod'), refusal('KEY_NOT_LISTED'))
    await assert.rejects((await bench.person(ben, bench.keys.ci)).approve('prod'), refusal('KEY_NOT_LISTED'))
    await assert.rejects((await bench.person(ben, bench.keys.ci)).resume('prod'), refusal('KEY_NOT_LISTED'))
    assert.deepEqual((await bench.state('prod')).approvals, [])
  })
})

describe('pushed by hand', () => {
  const forgeries: Array<{ what: string; code: string; push(bench: SignedBench, plan: string): Promise<unknown> }> = [
    {
      what: 'an approval without a signature',
      code: 'signature-missing',
      push: async (bench, plan) =>
        pushByHand(bench, {
          ref: prod,
          subject: 'prod: Ben approved',
          files: await forgedApproval(bench, plan, ben),
          by: ben,
          body: signedFor(prod),
        }),
    },
    {
      what: 'an approval signed by a key on no list',
      code: 'signer-unknown',
      push: async (bench, plan) =>
        pushByHand(bench, {
          ...{ ref: prod, subject: 'prod: Ben approved', files: await forgedApproval(bench, plan, ben), by: ben },
          ...{ body: signedFor(prod), key: bench.keys.mallory },
        }),
    },
    {
      what: 'an approval in the name of another who may',
      code: 'signed-by-another',
      push: async (bench, plan) =>
        pushByHand(bench, {
          ...{ ref: prod, subject: 'prod: Ben approved', files: await forgedApproval(bench, plan, ben), by: ben },
          ...{ body: signedFor(prod), key: bench.keys.cleo },
        }),
    },
    {
      what: 'an approval that a builder signed for a person',
      code: 'signed-by-another',
      push: async (bench, plan) =>
        pushByHand(bench, {
          ...{ ref: prod, subject: 'prod: Ben approved', files: await forgedApproval(bench, plan, ben), by: ben },
          ...{ body: signedFor(prod), key: bench.keys.ci },
        }),
    },
    {
      what: 'an approval signed for another ref',
      code: 'signed-for-another',
      push: async (bench, plan) =>
        pushByHand(bench, {
          ...{ ref: prod, subject: 'prod: Ben approved', files: await forgedApproval(bench, plan, ben), by: ben },
          ...{ body: signedFor(stage), key: bench.keys.ben },
        }),
    },
    {
      what: 'an approval signed for another project',
      code: 'signed-for-another',
      push: async (bench, plan) =>
        pushByHand(bench, {
          ...{ ref: prod, subject: 'prod: Ben approved', files: await forgedApproval(bench, plan, ben), by: ben },
          ...{ body: `Signed-For: other ${prod}`, key: bench.keys.ben },
        }),
    },
    {
      what: 'a commit whose signature was taken from another',
      code: 'signature-wrong',
      push: async (bench, plan) => {
        const files = await forgedApproval(bench, plan, ben)
        const good = await pushByHand(bench, {
          ref: 'refs/heads/aside',
          subject: 'x',
          files: {},
          body: signedFor(prod),
          key: bench.keys.ben,
          parents: [],
        })
        const signature = /\ngpgsig [\s\S]*?-----END SSH SIGNATURE-----/.exec(
          await bench.remote.git('cat-file', 'commit', good),
        )?.[0]
        const plain = await pushByHand(bench, {
          ref: prod,
          subject: 'prod: Ben approved',
          files,
          by: ben,
          body: signedFor(prod),
        })
        const content = `${await bench.remote.git('cat-file', 'commit', plain)}\n`.replace('\n\n', `${signature}\n\n`)
        const args = ['hash-object', '-t', 'commit', '-w', '--stdin']
        const id = execFileSync('git', args, { cwd: bench.remote.directory, input: content, encoding: 'utf8' }).trim()
        await bench.remote.git('update-ref', prod, id)
      },
    },
  ]
  test('an approval that is forged in any way counts for nothing, and is named where it is missed', async () => {
    await using bench = await createSignedBench()
    await bench.deliver('main')
    const plan = await bench.waits('v1')
    const commit = await bench.clone.head()
    for (const { what, code, push } of forgeries) {
      const before = await tipOf(bench, prod)
      await push(bench, plan)
      assert.deepEqual((await bench.state('prod')).approvals, [], what)
      const { environments } = await bench.plan(commit, { ref: 'refs/tags/v1' })
      assert.equal(environments[0]?.action, 'wait', what)
      assert.ok(
        environments[0]?.reasons.some((known) => known.code === code),
        `${what}: ${JSON.stringify(environments)}`,
      )
      await bench.remote.git('update-ref', prod, before)
    }
    await forgeries[0]?.push(bench, plan)
    const result = await bench.advance('prod')
    assert.deepEqual(outcomes(result), { prod: 'waiting' })
    const named = ['awaiting-approval', 'signature-missing']
    assert.deepEqual(codes(result, 'prod'), named)
    const { waiting } = await bench.state('prod')
    assert.deepEqual(
      waiting?.reasons.map((known) => known.code),
      named,
    )
    assert.ok(waiting?.reasons[1]?.message.includes('counts for nothing'))
    assert.ok(bench.notifications.some(({ reasons }) => reasons.some((known) => known.code === 'signature-missing')))
    // The next look still names it, and a good approval is all it takes.
    assert.deepEqual(codes(await bench.advance('prod'), 'prod'), named)
    await (await bench.person(ben)).approve('prod')
    assert.deepEqual(outcomes(await bench.advance('prod')), { prod: 'succeeded' })
  })

  test('a state that claims more than its history is passed over with its commit', async () => {
    await using bench = await createSignedBench()
    await bench.deliver('main')
    const before = await bench.state('stage')
    const event = { ...(await eventAt(bench, stage)), seq: before.seq + 1 }
    await pushByHand(bench, {
      ref: stage,
      subject: 'stage: held',
      files: documents(event, { ...before, seq: before.seq + 1, running: null }),
      body: signedFor(stage),
    })
    assert.deepEqual((await bench.state('stage')).running, before.running)
    // And a person's signature vouches for an event, never for the state beside it.
    const held = {
      version: 1,
      seq: before.seq + 1,
      at: before.running?.since,
      actor: ben,
      environment: 'stage',
      reasons: [],
      kind: 'held',
    }
    await pushByHand(bench, {
      ref: stage,
      subject: 'stage: held',
      files: documents(held, { ...before, seq: held.seq, running: null }),
      by: ben,
      body: signedFor(stage),
      key: bench.keys.ben,
    })
    const after = await bench.state('stage')
    assert.deepEqual(after.running, before.running)
    assert.equal(after.held?.actor.email, ben.email)
  })

  test('an event of a controller counts only from a builder', async () => {
    await using bench = await createSignedBench()
    await bench.deliver('main')
    await bench.push('main', { 'carts/main.txt': 'BROKEN' })
    await bench.deliver('main')
    const before = await bench.state('stage')
    const candidate = (await bench.history('stage')).flatMap(({ event }) =>
      event.kind === 'failed' ? [event.candidate] : [],
    )[0]
    const event = {
      version: 1,
      seq: before.seq + 1,
      at: before.last?.at,
      actor: ben,
      environment: 'stage',
      reasons: [],
      kind: 'verified',
      deployment: null,
      candidate,
      unyanks: 0,
    }
    await pushByHand(bench, {
      ref: stage,
      subject: 'stage: verified',
      files: documents(event, before),
      by: ben,
      body: signedFor(stage),
      key: bench.keys.ben,
    })
    const history = await bench.history('stage')
    assert.equal(history[0]?.voided?.code, 'signed-by-no-builder')
    const snapshot = await bench.engine.ledger.refresh(signal)
    assert.ok(candidate?.view)
    assert.equal(await bench.engine.ledger.wasVerified(snapshot, 'stage', candidate.view, 100), false)
    assert.deepEqual((await bench.state('stage')).verified, before.verified)
  })

  test('an old approval pushed again, or for a plan that is proposed again, is void', async () => {
    await using bench = await createSignedBench()
    await bench.deliver('main')
    await bench.waits('v1')
    await (await bench.person(ben)).approve('prod')
    const approval = await tipOf(bench, prod)
    assert.deepEqual(outcomes(await bench.advance('prod')), { prod: 'succeeded' })
    // The very documents, signature and all, on top of what stands there now.
    const content = await bench.remote.git('cat-file', 'commit', approval)
    const copied = `${content.replace(/\nparent [0-9a-f]+/, `\nparent ${await tipOf(bench, prod)}`)}\n`
    const id = execFileSync('git', ['hash-object', '-t', 'commit', '-w', '--stdin'], {
      cwd: bench.remote.directory,
      input: copied,
      encoding: 'utf8',
    }).trim()
    await bench.remote.git('update-ref', prod, id)
    const snapshot = await bench.engine.ledger.refresh(signal)
    const position = await bench.engine.ledger.environment(snapshot, 'prod')
    assert.deepEqual(
      position.voided?.map((known) => known.reason.code),
      ['signature-wrong'],
    )
    assert.deepEqual(position.state.approvals, [])
  })

  test('a history copied to another environment counts for nothing there', async () => {
    await using bench = await createSignedBench()
    await bench.deliver('main')
    await bench.remote.git('update-ref', prod, await tipOf(bench, stage))
    await assert.rejects(bench.state('prod'), refusal('HISTORY_UNSIGNED'))
    const result = bench.deliver(await bench.tag('v1'))
    await assert.rejects(result, refusal('HISTORY_UNSIGNED'))
    assert.deepEqual(bench.target('prod').effects(), [])
  })

  test('a merge that leads back to an older state is refused', async () => {
    await using bench = await createSignedBench()
    await bench.deliver('main')
    const older = await tipOf(bench, stage)
    await bench.push('main', { 'carts/main.txt': 'two' })
    await bench.deliver('main')
    const newer = await tipOf(bench, stage)
    await pushByHand(bench, { ref: stage, subject: 'merge', parents: [older, newer] })
    await assert.rejects(bench.state('stage'), { kind: 'errored', code: 'HISTORY_FORKED' })
  })

  test('a build record that names other bytes is absent: it is built, and the forgery is left out for good', async () => {
    await using bench = await createSignedBench()
    await bench.deliver('main')
    const commit = await bench.push('main', { 'carts/main.txt': 'two' })
    const plan = await bench.plan(commit, { ref: 'refs/heads/main' })
    const inputHash = plan.services.find(({ name }) => name === 'carts')?.inputHash ?? ''
    const path = `builds/${inputHash.slice(0, 2)}/${inputHash}.json`
    const record = {
      version: 1,
      inputHash,
      service: 'carts',
      artifact: `sha256:${'e'.repeat(64)}`,
      commit,
      builder: 'ci',
      at: '2026-03-02T10:00:00.000Z',
      durationMs: 1,
      provenance: null,
    }
    const listing = (await bench.remote.git('ls-tree', '-r', '--name-only', buildsRef)).split('\n')
    const files: Record<string, string> = { [path]: JSON.stringify(record) }
    for (const known of listing) files[known] = await fileAt(bench, buildsRef, known)
    await pushByHand(bench, { ref: buildsRef, subject: 'forged', files, body: signedFor(buildsRef) })

    const shown = (await bench.plan(commit, { ref: 'refs/heads/main' })).services.find(({ name }) => name === 'carts')
    assert.equal(shown?.action, 'build')
    assert.ok(
      shown.reasons.some((known) => known.code === 'signature-missing'),
      JSON.stringify(shown),
    )
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
    const kept = JSON.parse(await fileAt(bench, buildsRef, path))
    assert.notEqual(kept.artifact, record.artifact)
    const products = (await bench.plan(commit, { ref: 'refs/heads/main' })).services.find(
      ({ name }) => name === 'products',
    )
    assert.equal(products?.action, 'reuse', 'what builders recorded before still counts')
  })

  test('a ban that nobody signed bans nothing, and one that a person signed does; only they lift it', async () => {
    await using bench = await createSignedBench()
    await bench.deliver('main')
    const release = (await bench.state('stage')).running?.release ?? ''
    await (await bench.person(ben)).yank(release, 'it is bad')
    const list = JSON.parse(await fileAt(bench, yanksRef, 'yanks.json'))
    const lifted = { ...list, yanks: [{ ...list.yanks[0], yanked: false, unyanks: 1 }] }
    await pushByHand(bench, {
      ref: yanksRef,
      subject: 'unyank',
      files: { 'yanks.json': JSON.stringify(lifted) },
      body: signedFor(yanksRef),
    })
    await pushByHand(bench, {
      ref: yanksRef,
      subject: 'unyank it',
      files: { 'yanks.json': JSON.stringify(lifted) },
      body: signedFor(yanksRef),
      key: bench.keys.ci,
    })
    await pushByHand(bench, {
      ref: yanksRef,
      subject: 'unyank it',
      files: { 'yanks.json': JSON.stringify(lifted) },
      body: signedFor(yanksRef),
      key: bench.keys.cleo,
    })
    assert.deepEqual(
      (await bench.yanks()).map(({ yanked }) => yanked),
      [true],
    )
    assert.deepEqual(codes(await bench.deploy('stage', await bench.clone.head()), 'stage')[0], 'release-yanked')
    await assert.rejects(bench.unyank(release), refusal('KEY_NOT_LISTED'))
    await (await bench.person(cleo)).unyank(release)
    assert.deepEqual(
      (await bench.yanks()).map(({ yanked, actor }) => [yanked, actor.email]),
      [[false, cleo.email]],
    )
  })
})

describe('keys and histories over time', () => {
  test('history from before counts only once a builder vouches for it', async () => {
    await using bench = await createBench({})
    await bench.deliver('main')
    const running = (await bench.state('stage')).running
    await using signed = await createSignedBench() // for its keys
    await bench.configure(signedConfig(signed.keys))
    const ci = await bench.controller({ name: 'ci', signingKey: signed.keys.ci.path })
    await assert.rejects(ci.deliver('main'), refusal('HISTORY_UNSIGNED'))
    assert.deepEqual(ci.builder.work, [], 'before anything is built')
    await ci.scene()
    const shown = await adoptHistories(ci.engine, { confirmed: false, all: false, signal })
    assert.deepEqual(
      shown.map(({ ref, why, adopted }) => [ref, why, adopted]),
      [
        [buildsRef, 'unsigned', false],
        [stage, 'unsigned', false],
      ],
    )
    const stranger = await bench.controller({ name: 'mallory', signingKey: signed.keys.mallory.path })
    await stranger.scene()
    await assert.rejects(
      adoptHistories(stranger.engine, { confirmed: true, all: false, signal }),
      refusal('KEY_NOT_LISTED'),
    )
    await adoptHistories(ci.engine, { confirmed: true, all: false, signal })
    assert.deepEqual((await ci.state('stage')).running, running)
    assert.deepEqual(await adoptHistories(ci.engine, { confirmed: false, all: false, signal }), [])
    assert.deepEqual(outcomes(await ci.deliver('main')), { stage: 'succeeded' })
    assert.deepEqual(ci.builder.work, [], 'records from before count too')
    assert.equal((await ci.kinds('stage')).filter((kind) => kind === 'adopted').length, 1)
  })

  test('a key that has ended signs nothing more, not even into the past; what it signed before stays', async () => {
    await using bench = await createSignedBench()
    await bench.deliver('main')
    const until = new Date(bench.clock.now() + 3_600_000).toISOString().replace(/\.\d+/, '')
    const rotated = signedConfig(bench.keys, (shop) => {
      shop['builders'] = [{ name: 'ci', ssh: [{ key: bench.keys.ci.publicKey, until }, bench.keys.mallory.publicKey] }]
    })
    await bench.configure(rotated)
    bench.clock.skip(7_200_000)
    await bench.scene()
    assert.notEqual((await bench.state('stage')).running, null, 'it was signed in time')
    await assert.rejects(bench.deliver('main'), refusal('KEY_NOT_LISTED'))
    const next = await bench.controller({ name: 'next', signingKey: bench.keys.mallory.path })
    assert.deepEqual(outcomes(await next.deliver('main')), { stage: 'succeeded' })
    const state = await stateAt(bench, stage)
    // Signed with the ended key and a date from before its end, on top of what is newer than that.
    const event = { ...(await eventAt(bench, stage)), seq: state.seq + 1 }
    const back = {
      ...bench.remote.environment,
      GIT_AUTHOR_DATE: '2026-03-02T10:00:01Z',
      GIT_COMMITTER_DATE: '2026-03-02T10:00:01Z',
    }
    const args = [
      '-c',
      'user.name=x',
      '-c',
      'user.email=x@example.com',
      '-c',
      'gpg.format=ssh',
      '-c',
      `user.signingKey=${bench.keys.ci.path}`,
    ]
    const tree = `${stage}^{tree}`
    const id = execFileSync(
      'git',
      [...args, 'commit-tree', '-S', '-p', stage, '-m', 'x', '-m', signedFor(stage), tree],
      {
        cwd: bench.remote.directory,
        encoding: 'utf8',
        env: { ...process.env, ...back },
      },
    ).trim()
    assert.equal(event.environment, 'stage')
    await bench.remote.git('update-ref', stage, id)
    const snapshot = await next.engine.ledger.refresh(signal)
    const position = await next.engine.ledger.environment(snapshot, 'stage')
    assert.deepEqual(
      position.voided?.map((known) => known.reason.code),
      ['key-expired'],
    )
  })

  test('two builders that race for the same inputs: the first signed record counts for both', async () => {
    await using bench = await createSignedBench()
    const other = await bench.controller({ name: 'other', signingKey: bench.keys.ci.path })
    const results = await Promise.all([bench.deliver('main'), other.deliver('main')])
    assert.ok(results.some((result) => outcomes(result)['stage'] === 'succeeded'))
    const [first, second] = await Promise.all([
      bench.commitRecord(await bench.clone.head()),
      other.commitRecord(await bench.clone.head()),
    ])
    assert.deepEqual(first, second)
    assert.equal(first?.outcome, 'released')
  })

  test('a branch cannot list its own key', async () => {
    await using bench = await createSignedBench()
    await bench.push('feature', { 'carts/main.txt': 'mine' })
    const own = signedConfig(bench.keys, (shop) => {
      shop['builders'] = [{ name: 'mine', ssh: bench.keys.mallory.publicKey }]
      Object.assign(shop.environments['stage'] ?? {}, { on: { branch: 'feature' } })
    })
    const commit = await bench.configure(own, 'feature')
    const stranger = await bench.person(mallory)
    await assert.rejects(stranger.deploy('stage', commit), refusal('KEY_NOT_LISTED'))
  })

  test('checks of a pull request need no key: they run and are not written down', async () => {
    await using bench = await createSignedBench()
    const keyless = await bench.controller({ name: 'pull request' })
    const answer = await checkCommit(keyless.engine, await bench.clone.head(), { recheck: false, signal })
    assert.equal(answer.outcome, 'succeeded')
    assert.equal((await bench.remote.refs())[buildsRef], undefined)
    assert.equal(
      (await checkCommit(bench.engine, await bench.clone.head(), { recheck: false, signal })).outcome,
      'succeeded',
    )
    assert.notEqual((await bench.remote.refs())[buildsRef], undefined)
  })
})

test('without builders nothing is signed, asked for or checked', async () => {
  await using bench = await createBench({})
  await bench.deliver('main')
  for (const ref of [stage, buildsRef]) {
    const content = await bench.remote.git('cat-file', 'commit', ref)
    assert.doesNotMatch(content, /gpgsig|Signed-For/)
  }
})
