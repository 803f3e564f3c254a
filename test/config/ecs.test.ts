import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parse, problemsIn } from './project-text.ts'

const shop = ({
  run = '{ container: { port: 8080 }, ecs: { taskDefinition: "deploy/task.json" } }',
  artifact = 'artifact: { image: { base: scratch, entrypoint: [node, main.js] } }',
  target = 'cluster: shop',
  head = 'aws: { region: eu-west-1 }\nartifacts: oci://registry.example/shop',
}) => `project: shop
${head}
services:
  web:
    path: web
    ${artifact}
    run: ${run}
environments:
  prod:
    target: { ecs: { ${target} } }
`

describe('services of ECS in trunkline.yaml', () => {
  it('say with few words what AWS needs to know', () => {
    const parsed = parse(shop({}))
    assert.ok('project' in parsed, JSON.stringify(parsed))
    const target = parsed.project.environments['prod']?.targets['ecs']
    assert.ok(target?.kind === 'ecs')
    assert.deepEqual(target.ecs, {
      ...{ cluster: 'shop', service: '{project}-{environment}-{service}', family: '{project}-{environment}-{service}' },
      ...{ cpu: 256, memoryMb: 512, executionRole: null, taskRole: null, logGroup: null, secrets: {}, url: null },
      ...{ timeoutMs: 1_800_000, previewUrl: null },
    })
    const { web } = parsed.project.services
    assert.ok(web?.run?.kind === 'container')
    assert.deepEqual(web.run.ecs, { taskDefinition: 'deploy/task.json', container: null })
    assert.deepEqual(web.deployInputs, ['deploy/task.json'])
  })

  it('are images, in a registry and a region', () => {
    assert.deepEqual(problemsIn(shop({ run: '{ site: {} }' })), [
      'WRONG_PLATFORM service `web` is a static site, and environment `prod` runs it on ecs, which cannot do that',
    ])
    const codes = problemsIn(shop({ head: '' })).map((problem) => problem.split(' ')[0])
    assert.deepEqual(codes.sort(), ['NO_REGISTRY', 'REGION_MISSING'])
  })

  it('are named by what AWS takes', () => {
    const wrong = 'cluster: a b, service: "{stage}", executionRole: admin, secrets: { "a b": x }, cpu: 1'
    assert.equal(problemsIn(shop({ target: wrong })).length, 5)
  })
})
