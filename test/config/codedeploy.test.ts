import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parse, problemsIn } from './project-text.ts'

const shop = ({
  run = '{ appspec: appspec.yml }',
  artifact = 'bundle: {}',
  target = 'bucket: shop-revisions',
  aws = 'aws: { region: eu-west-1 }',
}) => `project: shop
${aws}
services:
  web:
    path: web
    artifact: { ${artifact} }
    run: ${run}
environments:
  prod:
    target: { codedeploy: { ${target} } }
`

describe('virtual machines of AWS CodeDeploy in trunkline.yaml', () => {
  it('say with few words what AWS needs to know', () => {
    const parsed = parse(shop({}))
    assert.ok('project' in parsed, JSON.stringify(parsed))
    const target = parsed.project.environments['prod']?.targets['codedeploy']
    assert.ok(target?.kind === 'codedeploy')
    assert.deepEqual(target.codedeploy, {
      ...{ application: '{project}-{service}', deploymentGroup: '{environment}', url: null },
      ...{ bucket: 'shop-revisions', prefix: 'revisions', configuration: null, downtime: 'refused' },
      ...{ timeoutMs: 3_600_000, stuckAfterMs: 900_000, drainTimeoutMs: 30_000 },
    })
  })

  it('take bundles and zips with an appspec.yml, and nothing else', () => {
    assert.deepEqual(problemsIn(shop({ artifact: 'zip: {}' })), [])
    assert.deepEqual(problemsIn(shop({ run: 'node main.js' })), [
      'WRONG_PLATFORM service `web` runs a command, and environment `prod` runs it on codedeploy, which cannot do that',
    ])
  })

  it('are in a region', () => {
    assert.deepEqual(problemsIn(shop({ aws: '' })), [
      'REGION_MISSING environment `prod` is in AWS (codedeploy) and has no region',
    ])
  })

  it('are named by what AWS takes', () => {
    const wrong = 'bucket: Shop, prefix: /a/, application: "{stage}", downtime: fine, stuckAfter: never'
    const problems = problemsIn(shop({ target: wrong }))
    assert.equal(problems.length, 5, problems.join('\n'))
    assert.match(problems.join('\n'), /unknown placeholder "\{stage\}"/)
  })
})
