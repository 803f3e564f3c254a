import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isStaged } from '../../src/model/index.ts'
import { parse, problemsIn } from './project-text.ts'

function projectOf(text: string) {
  const parsed = parse(text)
  assert.ok('project' in parsed, JSON.stringify(parsed))
  return parsed.project
}

const shop = ({
  run = 'lambda: { handler: dist/handler.main, runtime: nodejs22.x }',
  artifact = 'zip: {}',
  target = 'bucket: shop-artifacts',
  aws = 'aws: { region: eu-west-1 }',
  more = '',
}) => `project: shop
${aws}
services:
  carts:
    path: carts
    artifact: { ${artifact} }
    run: { ${run} }
environments:
  prod:
    target: { lambda: { ${target} } }
${more}`

describe('functions of AWS Lambda in trunkline.yaml', () => {
  it('say with few words what AWS needs to know', () => {
    const project = projectOf(shop({}))
    assert.deepEqual(project.services['carts']?.run, {
      ...{ kind: 'lambda', port: null, health: null, handler: 'dist/handler.main', runtime: 'nodejs22.x' },
      ...{ architecture: 'x86_64', memoryMb: 128, timeoutMs: 3000, storageMb: 512, url: null },
    })
    const target = project.environments['prod']?.targets['lambda']
    assert.ok(target?.kind === 'lambda')
    assert.equal(target.lambda.function, '{project}-{environment}-{service}')
    assert.equal(target.lambda.alias, 'live')
  })

  it('are made of a zip', () => {
    assert.deepEqual(problemsIn(shop({ artifact: 'bundle: {}' })), [
      'WRONG_PLATFORM service `carts` is a bundle, and a function is made of a zip',
    ])
  })

  it('may be described by a serverless.yml, which is then what deploys them', () => {
    const { services } = projectOf(
      shop({ run: 'serverless: { config: carts/serverless.yml, files: [carts/roles.yml] }', artifact: 'bundle: {}' }),
    )
    const run = services['carts']?.run
    assert.ok(run?.kind === 'serverless')
    assert.deepEqual([run.stage, run.command], ['{environment}', 'npx --no-install osls'])
    assert.deepEqual(services['carts']?.deployInputs, ['carts/serverless.yml', 'carts/roles.yml'])
  })

  it('are in a region', () => {
    assert.deepEqual(problemsIn(shop({ aws: '' })), [
      'REGION_MISSING environment `prod` is in AWS (lambda) and has no region',
    ])
  })

  it('run on no other platform', () => {
    assert.match(
      problemsIn(shop({}).replace('lambda: { bucket: shop-artifacts }', 'fleet: {}')).join(),
      /service `carts` runs as a function, and environment `prod` runs it on fleet, which cannot do that/,
    )
  })

  it('have limits that are told before AWS tells them', () => {
    const limits = 'handler: a.b, runtime: nodejs22.x, timeout: 16m, memory: 64'
    assert.deepEqual(problemsIn(shop({ run: `lambda: { ${limits} }` })).sort(), [
      'INVALID_DURATION `timeout` must be whole seconds, from `1s` to `15m`',
      'WRONG_TYPE `memory` must be a whole number from 128 to 10240, not 64',
    ])
    assert.match(
      problemsIn(shop({ target: 'bucket: x, layers: [a]' })).join(),
      /`layers\[0\]` must be the ARN of a layer/,
    )
  })

  it('shift linearly where a canary says how much at a time', () => {
    const { rollout } =
      projectOf(shop({ more: '    rollout: { canary: { every: 30, pause: 2m } }\n' })).environments['prod']?.recipe ??
      {}
    assert.ok(rollout !== undefined && isStaged(rollout))
    assert.deepEqual(
      rollout.stages.map(({ weight, pauseMs }) => [weight, pauseMs]),
      [
        [30, 120_000],
        [60, 120_000],
        [90, 120_000],
        [100, 0],
      ],
    )
  })

  it('do not have steps and a linear canary at once, nor a pause of neither', () => {
    const both = '    rollout: { canary: { every: 10, steps: [{ weight: 10 }] } }\n'
    assert.match(problemsIn(shop({ more: both })).join(), /has `steps` and `every`: keep one of them/)
    const neither = '    rollout: { canary: { pause: 1m } }\n'
    assert.match(problemsIn(shop({ more: neither })).join(), /`pause` belongs to `every`/)
  })
})
