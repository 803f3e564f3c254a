/** What a pipeline must be like, and what is told of one that is not quite so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CodePipelineConfig, DesiredService } from '../../../src/model/index.ts'
import type { Job } from '../../../src/ports/index.ts'
import { approved, describePipelines, inTime, other, plain, source } from './codepipeline-under-test.ts'

describePipelines('what a pipeline cannot promise', (at) => {
  const objections = async (config: Partial<CodePipelineConfig> = {}, change: Partial<DesiredService> = {}) =>
    ((await at.shop.open({ config }).objectionsTo?.(await at.shop.release('1', change), inTime())) ?? []).map(
      ({ message, hint }) => `${message} | ${hint ?? ''}`,
    )

  test('a pipeline that cannot be told what to bring is refused, each time with what to do', async () => {
    assert.deepEqual(await objections(), [], 'a stack of the same delivery may make it')
    await assert.rejects(at.shop.open().ensure(await at.shop.release('1'), at.shop.context()), { code: 'NO_PIPELINE' })
    await at.shop.makePipeline(plain(at.shop.bucket), { pipelineType: 'V1', variables: [] })
    const [type, variable, ...none] = await objections()
    assert.match(
      type ?? '',
      /is of type V1, which can be told no revisions: .* not the release \| make it `pipelineType: V2`/,
    )
    assert.match(
      variable ?? '',
      /declares no variable TRUNKLINE \(TRUNKLINE says whose .*\) \| add to it: variables: \[\{ name: TRUN/,
    )
    assert.deepEqual(none, [])
    const verdict = await at.shop.open().ensure(await at.shop.release('1'), at.shop.context())
    assert.ok(!verdict.ok && verdict.refused)
  })

  test('sources, variables, secrets and approvals that do not fit are refused by name', async () => {
    const git = other('Chart', 'Source', 'GitHub', {
      actionTypeId: { category: 'Source', owner: 'ThirdParty', provider: 'GitHub', version: '1' },
    })
    const [, ...rest] = approved(at.shop.bucket)
    const sources = { name: 'Source', actions: [source(at.shop.bucket, { AllowOverrideForS3ObjectKey: 'false' }), git] }
    await at.shop.makePipeline([sources, ...rest], {
      variables: [{ name: 'TRUNKLINE', defaultValue: '-' }, { name: 'REGION' }],
    })
    const secret = { PASSWORD: { kind: 'from', from: 'PASSWORD', secret: true, default: null } } as const
    const found = await objections(
      { sources: ['Source', 'App'], approvals: ['Sign'], variables: { IMAGE: '{image}' } },
      { env: secret },
    )
    assert.match(found.join('\n'), /has no source action App \| its source actions are Source, Chart/)
    assert.match(
      found.join('\n'),
      /Source always reads web\.zip, and a release has a key of its own \| set `AllowOverride/,
    )
    assert.match(found.join('\n'), /PASSWORD of web would stand in a variable of the pipeline, where all who may look/)
    assert.match(found.join('\n'), /declares no variable IMAGE, PASSWORD \|/)
    assert.match(found.join('\n'), /wants the variable REGION, and web gives none/)
    assert.match(found.join('\n'), /has no manual approval Sign \| it has Production\/Release/)
    assert.equal(found.length, 6)
    assert.match((await objections()).join('\n'), /the source action Chart \(GitHub\) can be told no revision/)
  })

  test('a pipeline that is told nothing of the release is refused; the image in a variable is enough', async () => {
    await at.shop.makePipeline(plain(at.shop.bucket), {
      variables: ['TRUNKLINE', 'ARTIFACT'].map((variable) => ({ name: variable, defaultValue: '-' })),
    })
    assert.match((await objections({ sources: [] })).join(), /is told nothing of the release: neither a source nor/)
    const config = { sources: [], variables: { ARTIFACT: '{artifact}' } }
    assert.deepEqual(await objections(config), [])
    await at.shop.putNewest()
    const request = await at.shop.release('1')
    assert.deepEqual(await at.shop.open({ config }).ensure(request, at.shop.context()), { ok: true })
    const [start] = await at.shop.starts()
    assert.deepEqual([start?.variables?.['ARTIFACT'], start?.revisions], [request.desired.artifact, []])
  })

  test('doctor tells of what starts it besides Trunkline, of what is not the release, and of who must approve', async () => {
    const missing = [
      {
        isWell: false,
        message: 'the pipeline shop-web-prod is missing',
        hint: 'make it with a stack, or name another (`pipeline`)',
      },
    ]
    assert.deepEqual(await at.shop.open().examine?.(['web'], inTime()), missing)
    const [, ...rest] = approved(at.shop.bucket)
    const git = other('Chart', 'Source', 'CodeStarSourceConnection')
    const sources = { name: 'Source', actions: [source(at.shop.bucket, { PollForSourceChanges: 'true' }), git] }
    await at.shop.makePipeline([sources, ...rest])
    const examined = (await at.shop.open({ config: { sources: ['Chart'] } }).examine?.(['web'], inTime())) ?? []
    const told = examined.map(({ isWell, message }) => `${isWell} ${message}`)
    assert.deepEqual(told, [
      'true the pipeline shop-web-prod is there',
      'false the pipeline shop-web-prod is started by changes at its source Source as well, past Trunkline and its gates',
      'false the pipeline shop-web-prod is started by changes at its source Chart as well, past Trunkline and its gates',
      'false Source of the pipeline shop-web-prod brings what is newest there: it is not part of the release',
      "false Chart gives the pipeline shop-web-prod the release's commit: what it builds of that are not the bytes that were verified before",
      'true Production/Release waits for a person in CodePipeline each time',
    ])
    const permission = 'codepipeline:GetPipelineState'
    at.faults.fault(permission, { kind: 'denied', permission })
    await assert.rejects(at.shop.open().examine?.(['web'], inTime()) ?? Promise.resolve(), /GetPipelineState/)
  })

  test('what has no place in a pipeline is refused: jobs, values that it does not take, taking a service away', async () => {
    await at.shop.makePipeline(plain(at.shop.bucket), {
      variables: [
        { name: 'TRUNKLINE', defaultValue: '-' },
        { name: 'NOTE', defaultValue: '-' },
      ],
    })
    const target = at.shop.open()
    const env = { NOTE: { kind: 'value', value: '' } } as const
    await assert.rejects(target.ensure(await at.shop.release('1', { env }), at.shop.context()), {
      code: 'VALUE_NOT_TAKEN',
    })
    await assert.rejects(target.remove('web', at.shop.context()), { code: 'PIPELINE_KEPT' })
    await assert.rejects(target.runJob({ name: 'migrate' } as Job, at.shop.context()), { code: 'NO_PLACE_FOR_JOBS' })
    assert.deepEqual(await at.shop.open({ config: { pipeline: 'gone' } }).remove('web', at.shop.context()), {
      ok: true,
    })
  })
})
