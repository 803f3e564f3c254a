import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parse, problemsIn } from './project-text.ts'

const service = (yaml: string) => `project: shop\nservices:\n  web:\n    path: web\n${yaml}`

describe('what runs on which platform', () => {
  it('says which artifact a platform takes', () => {
    const text = service(
      '    run: node main.js\nenvironments: { stage: { target: { kubernetes: {} } } }\nartifacts: oci://registry.test/shop\n',
    )
    assert.deepEqual(problemsIn(text), [
      'WRONG_PLATFORM service `web` is a bundle, and environment `stage` runs it on kubernetes, which takes an image',
    ])
  })

  it('says which ways to run a platform has', () => {
    const text = service(
      '    artifact: { image: { base: scratch, entrypoint: [a] } }\n    run: { container: {} }\nenvironments: { stage: { target: { fleet: {} } } }\n',
    )
    assert.deepEqual(problemsIn(text), [
      'WRONG_PLATFORM service `web` runs as a container, and environment `stage` runs it on fleet, which cannot do that',
    ])
  })
})

describe('accounts of AWS', () => {
  const environments = 'environments:\n  prod:\n    target: { fleet: {} }\n'

  it("puts an environment's over the project's, with its name in the role", () => {
    const text = service(
      `${environments}    aws: { account: "111122223333", role: "arn:aws:iam::111122223333:role/{project}-{environment}" }\naws: { region: eu-west-1 }\n`,
    )
    const parsed = parse(text)
    assert.ok('project' in parsed, JSON.stringify(parsed))
    assert.deepEqual(parsed.project.environments['prod']?.aws, {
      region: 'eu-west-1',
      account: '111122223333',
      role: 'arn:aws:iam::111122223333:role/shop-prod',
      endpoint: null,
      profile: null,
    })
    assert.equal(parsed.project.aws?.account, null)
  })

  it('leaves out what is not spoken of', () => {
    const parsed = parse(service(environments))
    assert.ok('project' in parsed)
    assert.equal('aws' in parsed.project, false)
    assert.equal('aws' in (parsed.project.environments['prod'] ?? {}), false)
  })

  it('wants a region, and an account of twelve digits', () => {
    assert.deepEqual(problemsIn(service(`${environments}    aws: { account: "111122223333" }\n`)), [
      'REGION_MISSING environment `prod` is in AWS and has no region',
    ])
    assert.deepEqual(problemsIn(service(`${environments}    aws: { region: Ireland, account: "12" }\n`)), [
      'INVALID_VALUE `region` must be a region such as `eu-west-1`, not "Ireland"',
      'INVALID_VALUE `account` must be the twelve digits of an account, in quotes',
    ])
  })
})

describe('outputs of infrastructure', () => {
  const network = '  network: { path: network, run: apply }\n'

  it('are named with their service, which is rolled out before', () => {
    const parsed = parse(service(`    env: { DATABASE: { from: network.Url, secret: true } }\n${network}`))
    assert.ok('project' in parsed, JSON.stringify(parsed))
    const { web } = parsed.project.services
    assert.deepEqual(web?.env['DATABASE'], {
      kind: 'output',
      service: 'network',
      output: 'Url',
      secret: true,
      default: null,
    })
    assert.deepEqual(web?.deployAfter, ['network'])
  })

  it('come from a service that is there, and go round in no circle', () => {
    assert.deepEqual(problemsIn(service(`    env: { A: { from: netwrok.Url } }\n${network}`)), [
      'UNKNOWN_SERVICE unknown service `netwrok`: did you mean `network`?',
    ])
    const circle = '  network: { path: network, run: apply, deployAfter: [web] }\n'
    assert.deepEqual(problemsIn(service(`    env: { A: { from: network.Url } }\n${circle}`)), [
      'CYCLE `deployAfter` goes round in a circle: `web` → `network` → `web`',
    ])
  })
})
