/** `builds:`: where checks and builds run. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { combinePolicyAndRecipe, parseProjectOrThrow } from '../../src/config/index.ts'
import { problemsIn } from './project-text.ts'

const shop = (builds: string, artifacts = 'oci://registry.example/shop') =>
  `project: shop\nartifacts: ${artifacts}\nservices: { web: { path: web } }\nbuilds: ${builds}\n`
const parse = (text: string) => parseProjectOrThrow({ text, file: 'trunkline.yaml' })
const jobs = '{ on: { kubernetes: { namespace: ci, image: registry.example/ci } } }'

describe('where builds run', () => {
  it('is this machine where nothing is said', () => {
    assert.deepEqual(parse('project: shop\nservices: { web: { path: web } }\n').builds, { on: null, parallel: null })
    assert.deepEqual(parse(shop('{ parallel: 8 }')).builds, { on: null, parallel: 8 })
  })

  it('is a cluster, with everything a Job may need', () => {
    const { on, parallel } = parse(
      shop(`
  parallel: 20
  on:
    kubernetes:
      context: ci
      namespace: builds
      image: registry.example:5000/team/ci:7@sha256:${'0'.repeat(64)}
      platform: linux/arm64
      serviceAccount: builder
      resources: { requests: { cpu: 2, memory: 512Mi }, limits: { memory: 4Gi } }
      nodeSelector: { pool: builds }
      tolerations: [{ key: builds, operator: Exists }]
      pullSecrets: [pull]
      login: login
      secrets: [npm]
      startTimeout: 5m`),
    ).builds
    assert.equal(parallel, 20)
    assert.ok(on?.kind === 'kubernetes')
    assert.deepEqual(on.kubernetes, {
      access: { kubeconfig: null, context: 'ci' },
      namespace: 'builds',
      image: `registry.example:5000/team/ci:7@sha256:${'0'.repeat(64)}`,
      platform: 'linux/arm64',
      serviceAccount: 'builder',
      resources: { requests: { cpu: '2', memory: '512Mi' }, limits: { memory: '4Gi' } },
      nodeSelector: { pool: 'builds' },
      tolerations: [{ key: 'builds', operator: 'Exists' }],
      pullSecrets: ['pull'],
      login: 'login',
      secrets: ['npm'],
      startTimeoutMs: 300_000,
    })
    const short = parse(shop(jobs)).builds
    assert.equal(short.parallel, 10)
    assert.ok(short.on?.kind === 'kubernetes')
    assert.equal(short.on.kubernetes.platform, 'linux/x64')
  })

  it('is a project of CodeBuild, in the region that the project says', () => {
    const builds = '{ on: { codebuild: { project: shop-builds } } }'
    assert.deepEqual(parse(`${shop(builds)}aws: { region: eu-west-1 }\n`).builds, {
      parallel: 10,
      on: {
        kind: 'codebuild',
        codebuild: { project: 'shop-builds', image: null, platform: 'linux/x64', startTimeoutMs: 1_800_000 },
      },
    })
    assert.deepEqual(problemsIn(shop(builds)), [
      'REGION_MISSING builds run on CodeBuild, and the project has no region of AWS',
    ])
  })

  it('elsewhere needs a store that is no folder of this machine', () => {
    assert.deepEqual(problemsIn(shop(jobs, 'oci-layout:/var/artifacts')), [
      'STORE_OUT_OF_REACH builds run elsewhere, and artifacts are kept in a folder of this machine',
    ])
    assert.deepEqual(problemsIn(`project: shop\nservices: { web: { path: web } }\nbuilds: ${jobs}\n`), [
      'STORE_OUT_OF_REACH builds run elsewhere, and artifacts are kept in a folder of this machine (the default of `artifacts`)',
    ])
  })

  it('is told as a mistake where it makes no sense', () => {
    const inJobs = (keys: string) => problemsIn(shop(`{ on: { kubernetes: { namespace: ci, image: ci, ${keys} } } }`))
    assert.deepEqual(problemsIn(shop('{ on: {} }')), [
      'NOT_EXACTLY_ONE `on` says no kind of workplace: it needs `kubernetes` or `codebuild`',
    ])
    assert.deepEqual(inJobs('platform: linux/amd64'), [
      'INVALID_VALUE `platform` must be a platform such as `linux/x64`, not "linux/amd64"',
    ])
    assert.deepEqual(problemsIn(shop('{ on: { kubernetes: { namespace: Ci, image: "ci latest" } } }')), [
      'INVALID_VALUE `namespace` must be a namespace, not "Ci"',
      'INVALID_VALUE `image` must be an image such as `registry.example/ci@sha256:…`, not "ci latest"',
    ])
    assert.deepEqual(inJobs('resources: { limits: { memory: lots } }'), [
      'INVALID_VALUE `memory` must be an amount such as `500m` or `2Gi`, not "lots"',
    ])
    assert.deepEqual(problemsIn(shop('{ parallel: 0, on: { kubernetes: { image: ci } } }')), [
      'WRONG_TYPE `parallel` must be a whole number ≥ 1, not 0',
      'MISSING_KEY `namespace` is missing from `kubernetes`',
    ])
  })

  it('is policy: a commit cannot send its build elsewhere', () => {
    const trunk = parse(shop(jobs))
    const branch = parse(shop('{ on: { kubernetes: { namespace: production, image: mine } } }'))
    const { project, ignored } = combinePolicyAndRecipe(trunk, branch)
    assert.deepEqual(project.builds, trunk.builds)
    assert.deepEqual(
      ignored.map(({ message }) => message),
      ['builds of this commit is ignored: main has another (kubernetes)'],
    )
    assert.deepEqual(combinePolicyAndRecipe(trunk, parse(shop('{}'))).ignored, [])
  })
})
