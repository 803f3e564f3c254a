import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parse, problemsIn } from './project-text.ts'

const shop = ({
  run = '{ pipeline: {} }',
  artifact = 'zip: {}',
  target = '',
  aws = 'aws: { region: eu-west-1 }',
  more = '',
}) => `project: shop
${aws}
services:
  web:
    path: web
    artifact: { ${artifact} }
    run: ${run}
environments:
  prod:
    target: { codepipeline: { ${target} } }
    ${more}
`

describe('pipelines of AWS CodePipeline in trunkline.yaml', () => {
  it('need no word where their names are ours', () => {
    const parsed = parse(shop({}))
    assert.ok('project' in parsed, JSON.stringify(parsed))
    const target = parsed.project.environments['prod']?.targets['codepipeline']
    assert.ok(target?.kind === 'codepipeline')
    assert.deepEqual(target.codepipeline, {
      ...{ pipeline: '{project}-{service}-{environment}', sources: null, prefix: 'revisions', url: null },
      ...{ variables: {}, approvals: [], timeoutMs: 3_600_000, waitForPeopleMs: 86_400_000 },
    })
    assert.deepEqual(parsed.project.services['web']?.run, { kind: 'pipeline', port: null, health: null })
  })

  it('carry what runs elsewhere in other ways, but no infrastructure', () => {
    for (const run of ['{ appspec: appspec.yml }', '{ lambda: { handler: a.b, runtime: nodejs22.x } }'])
      assert.deepEqual(problemsIn(shop({ run })), [])
    const [problem] = problemsIn(shop({ run: '{ terraform: { directory: . } }' }))
    assert.match(
      problem ?? '',
      /WRONG_PLATFORM service `web` is applied by Terraform, and environment `prod` runs it on/,
    )
    const [other] = problemsIn(shop({}).replace('{ codepipeline: {  } }', '{ fleet: {} }'))
    assert.match(
      other ?? '',
      /WRONG_PLATFORM service `web` is deployed by a pipeline, and environment `prod` runs it on fl/,
    )
  })

  it('pass no approval that nobody has given', () => {
    const target = 'approvals: [Production/Release]'
    assert.deepEqual(problemsIn(shop({ target })), [
      'APPROVAL_WITHOUT_GATE environment `prod` passes approvals of its pipeline (Production/Release), and nobody approves there',
    ])
    assert.deepEqual(problemsIn(shop({ target, more: 'approval: {}' })), [])
  })

  it('are in a region', () => {
    assert.deepEqual(problemsIn(shop({ aws: '' })), [
      'REGION_MISSING environment `prod` is in AWS (codepipeline) and has no region',
    ])
  })

  it('are named by what AWS takes', () => {
    const names = 'pipeline: "a b", sources: [a/b], approvals: [a/b/c], prefix: /a/, timeout: never'
    const variables = 'variables: { TRUNKLINE: x, "a b": x, EMPTY: "", WRONG: "{stage}", FINE: "{image} {version}" }'
    const problems = problemsIn(shop({ target: `${names}, ${variables}` }))
    assert.equal(problems.filter((problem) => !problem.startsWith('APPROVAL')).length, 9, problems.join('\n'))
    assert.match(problems.join('\n'), /`TRUNKLINE` says whose an execution is/)
    assert.match(problems.join('\n'), /unknown placeholder "\{stage\}"/)
  })
})
