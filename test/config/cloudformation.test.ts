import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseProject } from '../../src/config/index.ts'

const project = (run: string, target = '{ cloudformation: { bucket: "{project}-{environment}" } }') => `project: shop
aws: { region: eu-west-1 }
services:
  functions: { path: functions, artifact: { zip: {} } }
  network:
    inputs: [infra/**]
    run: { cloudformation: ${run} }
environments:
  stage: { on: { branch: main }, target: ${target} }
  prod: { on: { tag: "v*" }, target: ${target} }
`

function parsed(text: string) {
  const result = parseProject({ text, file: 'trunkline.yaml' })
  assert.ok('project' in result, JSON.stringify(result))
  return result.project
}

function problems(text: string): string[] {
  const result = parseProject({ text, file: 'trunkline.yaml' })
  assert.ok('problems' in result, 'it has no mistakes')
  return result.problems.map(({ code, message, hint }) => [code, message, hint].filter(Boolean).join(' | '))
}

describe('stacks of CloudFormation in the configuration', () => {
  test('a template has a name for its stack, and nothing is allowed that is not said', () => {
    const { network } = parsed(project('{ template: infra/network.yaml }')).services
    assert.deepEqual(network?.run, {
      kind: 'cloudformation',
      source: { kind: 'template', template: 'infra/network.yaml', stack: '{project}-{environment}-{service}' },
      ...{ parameters: {}, parameterFiles: [], capabilities: [], tags: {}, code: {}, importExisting: false },
      protect: { termination: false, policy: null, stateful: [] },
      ...{ port: null, health: null },
    })
  })

  test('files of parameters are deploy inputs: an environment sees its own', () => {
    const { services, environments } = parsed(
      project('{ template: infra/network.yaml, parameterFiles: ["infra/{service}.json", "infra/{environment}.json"] }'),
    )
    assert.deepEqual(services['network']?.deployInputs, ['infra/network.json'])
    assert.deepEqual(environments['stage']?.recipe.deployInputs, ['infra/stage.json'])
    assert.deepEqual(environments['prod']?.recipe.deployInputs, ['infra/prod.json'])
  })

  test('a CDK app is allowed what it needs', () => {
    const { network } = parsed(project('{ cdk: cdk.out, stack: ShopWeb }')).services
    assert.partialDeepStrictEqual(network?.run, {
      source: { kind: 'cdk', assembly: 'cdk.out', stack: 'ShopWeb' },
      capabilities: ['CAPABILITY_IAM', 'CAPABILITY_NAMED_IAM', 'CAPABILITY_AUTO_EXPAND'],
    })
  })

  for (const [what, run, expected] of [
    ['neither template nor app', '{ stack: a }', /^NOT_EXACTLY_ONE \| .* has no `template`, and no `cdk` either/],
    ['both of them', '{ template: a, cdk: b, stack: c }', /^NOT_EXACTLY_ONE \| .* has `template` and `cdk`/],
    ['an app without a stack', '{ cdk: cdk.out }', /^MISSING_KEY \| `stack` is missing/],
    ['a name that no stack can have', '{ template: a, stack: shop_web }', /must be the name of a stack/],
    ['a capability that there is not', '{ template: a, capabilities: [CAPABILITY_ALL] }', /CAPABILITY_AUTO_EXPAND/],
    [
      'code of an unknown service',
      '{ template: a, code: { Resize: function } }',
      /UNKNOWN_SERVICE .*did you mean `functions`/,
    ],
    ['a tag of AWS’s own', '{ template: a, tags: { "aws:x": y } }', /^INVALID_NAME/],
    ['a placeholder that means nothing', '{ template: a, parameters: { A: "{region}" } }', /unknown placeholder/],
  ] as const) {
    test(`${what} is a mistake`, () => {
      assert.match(problems(project(run)).join('\n'), expected)
    })
  }

  test('a stack does not run on a fleet, nor a command as a stack', () => {
    const onFleet = problems(project('{ template: a }', '{ fleet: {} }'))
    assert.match(
      onFleet.join('\n'),
      /WRONG_PLATFORM \| service `network` is a stack of CloudFormation, and .* on fleet/,
    )
    const command = project('x').replace('{ cloudformation: x }', 'make')
    assert.match(
      problems(command).join('\n'),
      /WRONG_PLATFORM \| service `network` runs a command, and .* cloudformation/,
    )
  })

  test('an environment with stacks has a region', () => {
    const text = project('{ template: a }').replace('aws: { region: eu-west-1 }\n', '')
    assert.match(problems(text).join('\n'), /REGION_MISSING \| environment `stage` is in AWS \(cloudformation\)/)
  })
})
