import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { combinePolicyAndRecipe, parseProjectOrThrow } from '../../src/config/index.ts'

const parse = (text: string) => parseProjectOrThrow({ text, file: 'trunkline.yaml' })

const trunk = parse(`
project: shop
trunk: main
artifacts: oci://registry.example/shop
shared: [go.sum]
services: { web: { path: web } }
tasks: { seed: { service: web, run: old } }
people: { admins: [{ email: a@b.example }] }
environments:
  stage:
    on: { branch: main }
    target: { fleet: {} }
    verify: [{ name: old, run: old }]
  prod:
    on: { tag: v* }
    after: stage
    approval: { by: ["@admins"] }
    target: { fleet: { replicas: 3 } }
    variables: { prefix: PROD_ }
    onFailure: [notify]
    rollout: half
`)

const commit = parse(`
project: mine
trunk: feature
artifacts: oci://elsewhere.example/mine
platform: linux/x64
tools: { go: 1.25 }
shared: [go.mod]
services: { web: { path: web }, api: { path: api } }
tasks: { seed: { service: api, run: new } }
people: { admins: [{ email: me@b.example }] }
notify: [{ slack: { webhook: { from: MINE } } }]
state: { remote: mine }
environments:
  prod:
    on: { branch: feature }
    target: { fleet: { replicas: 9 } }
    variables: { prefix: MINE_ }
    verify: [{ name: new, run: new }]
    rollout: all-at-once
    deployInputs: [deploy/prod/**]
  mine:
    on: { branch: feature }
    target: { fleet: {} }
`)

describe('policy from trunk, recipe from the commit (invariant 12)', () => {
  const { project, ignored } = combinePolicyAndRecipe(trunk, commit)

  it('takes what is built and how from the commit', () => {
    assert.deepEqual(project.services, commit.services)
    assert.deepEqual(project.shared, commit.shared)
    assert.deepEqual(project.tools, commit.tools)
    assert.equal(project.platform, commit.platform)
    assert.deepEqual(project.tasks, commit.tasks)
    assert.deepEqual(project.environments['prod']?.recipe, commit.environments['prod']?.recipe)
  })

  it('takes where it may go and who decides from trunk', () => {
    assert.equal(project.name, 'shop')
    assert.equal(project.trunk, 'main')
    assert.deepEqual(project.artifacts, trunk.artifacts)
    assert.deepEqual(project.people, trunk.people)
    assert.deepEqual(project.notify, trunk.notify)
    assert.deepEqual(project.state, trunk.state)
    const { recipe: _, ...policy } = project.environments['prod'] ?? assert.fail()
    const { recipe: __, ...trunkPolicy } = trunk.environments['prod'] ?? assert.fail()
    assert.deepEqual(policy, trunkPolicy)
  })

  it('ignores an environment that only the commit has, and other places for state and artifacts, and says so', () => {
    assert.deepEqual(Object.keys(project.environments), ['stage', 'prod'])
    assert.deepEqual(
      ignored.map(({ code, message }) => ({ code, message })),
      [
        {
          code: 'environment-not-on-trunk',
          message: 'environment mine is ignored: trunkline.yaml on main does not have it',
        },
        {
          code: 'place-not-on-trunk',
          message: 'state.remote mine of this commit is ignored: trunkline.yaml on main says origin',
        },
        {
          code: 'place-not-on-trunk',
          message:
            'artifacts oci://elsewhere.example/mine of this commit is ignored: trunkline.yaml on main says oci://registry.example/shop',
        },
      ],
    )
  })

  it('gives an environment that the commit does not know an empty recipe', () => {
    assert.deepEqual(project.environments['stage']?.recipe, {
      rollout: 'one-at-a-time',
      before: [],
      after: [],
      rollback: [],
      verify: [],
      deployInputs: [],
    })
  })
})
