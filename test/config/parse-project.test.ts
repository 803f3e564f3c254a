import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { parseProject, parseProjectOrThrow } from '../../src/config/index.ts'
import { type Project, TrunklineError } from '../../src/model/index.ts'

const file = 'trunkline.yaml'

function parse(text: string, pathExists?: (path: string) => boolean): Project {
  const parsed = parseProject({ text, file, ...(pathExists === undefined ? {} : { pathExists }) })
  if ('problems' in parsed) assert.fail(parsed.problems.map(({ message }) => message).join('\n'))
  return parsed.project
}

const minimal = 'project: shop\nservices:\n  web:\n    path: web\n'
const member = <Value>(record: Record<string, Value>, name: string): Value => {
  const value = Object.hasOwn(record, name) ? record[name] : undefined
  assert.ok(value !== undefined, `${name} is missing`)
  return value
}

describe('a configuration', () => {
  it('needs a name and a service, and has sensible defaults for all else', () => {
    assert.deepEqual(parse(minimal), {
      name: 'shop',
      trunk: 'main',
      shared: [],
      artifacts: { kind: 'oci-layout', path: null },
      platform: null,
      tools: {},
      prepare: null,
      services: {
        web: {
          name: 'web',
          path: 'web',
          inputs: [],
          checkInputs: [],
          deployInputs: [],
          ignore: [],
          infer: true,
          needs: [],
          checks: {},
          build: null,
          artifact: { kind: 'bundle', from: 'web', include: ['**'], exclude: ['.git/**', '.trunkline/**'] },
          rebuild: null,
          run: null,
          env: {},
          deployAfter: [],
          target: null,
        },
      },
      environments: {},
      tasks: {},
      people: {},
      builders: [],
      notify: [],
      state: { remote: 'origin', prefix: 'refs/trunkline', leaseTtlMs: 30_000 },
      builds: { on: null, parallel: null },
    } satisfies Project)
  })

  it('may use every form of the documented example', async () => {
    const text = await readFile(new URL('../../docs/trunkline.example.yaml', import.meta.url), 'utf8')
    const project = parse(text)
    const { carts, mailer } = project.services
    assert.deepEqual(carts?.inputs, [
      { pattern: 'packages/common/**' },
      { pattern: 'versions.toml', keys: ['versions.redis'] },
    ])
    assert.deepEqual(carts?.env, {
      REDIS_URL: { kind: 'from', from: 'REDIS_URL', secret: true, default: null },
      PRODUCTS_URL: { kind: 'service', service: 'products' },
      LOG_LEVEL: { kind: 'value', value: 'info' },
    })
    assert.deepEqual(carts?.checks['lint'], {
      run: 'npm run lint -w carts',
      timeoutMs: 300_000,
      env: { set: {}, pass: [] },
    })
    assert.deepEqual(mailer?.artifact, { kind: 'of', service: 'carts' })
    assert.deepEqual(project.environments['stage'], {
      name: 'stage',
      routes: [{ kind: 'branch', pattern: 'main', reachableFrom: null }],
      after: [],
      approval: null,
      windows: [],
      targets: {
        fleet: { kind: 'fleet', fleet: { hosts: ['local'], replicas: 2, ports: { carts: 8080 }, listen: '127.0.0.1' } },
      },
      variables: { prefix: 'STAGE_', dotenv: ['stage.env'] },
      onFailure: ['rollback', 'yank', 'notify'],
      recipe: {
        rollout: 'one-at-a-time',
        before: [
          {
            name: 'migrate',
            service: 'products',
            run: 'npm run migrate',
            timeoutMs: 600_000,
            idempotent: false,
            irreversible: true,
          },
        ],
        after: [],
        rollback: [],
        verify: [
          {
            kind: 'command',
            name: 'checkout works',
            run: 'npm run e2e',
            timeoutMs: 600_000,
            env: { CARTS_URL: { kind: 'service', service: 'carts' } },
          },
          {
            kind: 'http',
            name: 'carts answers',
            path: '/healthz',
            service: 'carts',
            status: 200,
            contains: 'ok',
            timeoutMs: 60_000,
            env: {},
          },
        ],
        deployInputs: [],
      },
    })
    assert.deepEqual(project.environments['prod']?.approval, {
      by: ['@release-managers'],
      quorum: 1,
      notAuthor: true,
      expiresMs: 7 * 86_400_000,
    })
    assert.deepEqual(project.environments['prod']?.windows, [
      { cron: '0 9 * * 1-5', durationMs: 8 * 3_600_000, timezone: 'Europe/Berlin' },
    ])
    assert.deepEqual(project.tasks, {
      seed: { name: 'seed', service: 'products', run: 'npm run seed', timeoutMs: 600_000 },
    })
    assert.deepEqual(project.notify, [
      {
        kind: 'slack',
        url: { from: 'SLACK_WEBHOOK' },
        on: ['started', 'succeeded', 'failed', 'waiting', 'yanked'],
        environments: ['stage', 'demo', 'prod'],
      },
    ])
  })
})

describe('the example of the design', () => {
  it('parses as it stands there, with fleets for targets', () => {
    const project = parse(`
project: shop
trunk: main
shared: [package-lock.json, tsconfig.base.json]
artifacts: oci-layout            # or oci://registry.example/shop, s3://bucket/prefix
prepare: { run: npm ci, inputs: ["**/package.json", package-lock.json] }
services:
  products: { path: services/products, run: { command: node dist/main.js, port: PORT } }
  carts:
    path: services/carts         # services/carts/** is an input
    inputs: [packages/common/**]
    checkInputs: [services/carts/test/**]
    deployInputs: [services/carts/deploy/**]
    checks: { test: npm test -w carts, lint: npm run lint -w carts }
    build: npm run build -w carts
    artifact: { bundle: { include: [dist/**, package.json] } }
    run: { command: node dist/main.js, port: PORT, health: /healthz }
    env: { REDIS_URL: { from: REDIS_URL, secret: true } }
    deployAfter: [products]
environments:
  stage:
    on: { branch: main }
    target: { fleet: { hosts: [local], replicas: 2 } }
    rollout: one-at-a-time
    hooks: { before: [{ name: migrate, run: npm run migrate, service: products, irreversible: true }] }
    variables: { prefix: STAGE_ }
    verify: [{ name: checkout works, run: npm run e2e }]
    onFailure: [rollback, yank, notify]
  demo: { on: { tag: "rc-*", reachableFrom: main }, after: stage, target: { fleet: { hosts: [local] } } }
  prod:
    on: { tag: "v*", reachableFrom: main }
    after: stage
    approval: { by: ["@release-managers"], quorum: 1, notAuthor: true, expires: 7d }
    windows: [{ cron: "0 9 * * 1-5", duration: 8h, timezone: Europe/Berlin }]
    targets: { apps: { fleet: { hosts: [local] } } }
tasks: { seed: { service: products, run: npm run seed } }
people: { release-managers: [{ email: a@example.com, ssh: "ssh-ed25519 …", slack: U0… }] }
notify: [{ slack: { webhook: { from: SLACK_WEBHOOK } }, on: [started, succeeded, failed, waiting, yanked] }]
`)
    assert.deepEqual(Object.keys(project.services), ['products', 'carts'])
    assert.deepEqual(Object.keys(project.environments), ['stage', 'demo', 'prod'])
    assert.deepEqual(project.services['carts']?.artifact, {
      kind: 'bundle',
      from: 'services/carts',
      include: ['dist/**', 'package.json'],
      exclude: ['.git/**', '.trunkline/**'],
    })
  })
})

describe('short forms', () => {
  const service = (yaml: string) => member(parse(`${minimal}${yaml}`).services, 'web')
  const environment = (yaml: string) =>
    member(parse(`${minimal}environments:\n  stage:\n    target: { fleet: {} }\n${yaml}`).environments, 'stage')

  it('let a command stand for a build, a check or a run', () => {
    assert.deepEqual(service('    build: make\n').build, {
      run: 'make',
      timeoutMs: 900_000,
      env: { set: {}, pass: [] },
    })
    assert.deepEqual(service('    checks: { test: make test }\n').checks['test']?.run, 'make test')
    assert.deepEqual(service('    run: ./serve\n').run, {
      command: './serve',
      port: null,
      health: null,
      startTimeoutMs: 60_000,
      drainTimeoutMs: 30_000,
      stopTimeoutMs: 10_000,
    })
  })

  it('set variables of a build with env, and hand others through with passEnv', () => {
    const { build } = service(
      '    build: { run: make, timeout: 90000, env: { NODE_ENV: production, LEVEL: 3 }, passEnv: [CI] }\n',
    )
    assert.deepEqual(build, {
      run: 'make',
      timeoutMs: 90_000,
      env: { set: { NODE_ENV: 'production', LEVEL: '3' }, pass: ['CI'] },
    })
  })

  it('let one route, pattern, upstream or dotenv file stand for a list', () => {
    const short = environment('    on: { tag: v* }\n    variables: { dotenv: a.env }\n')
    assert.deepEqual(short.routes, [{ kind: 'tag', pattern: 'v*', reachableFrom: null }])
    assert.deepEqual(short.variables, { prefix: null, dotenv: ['a.env'] })
  })

  it('keep the order in which refs try routes', () => {
    const { routes } = environment(
      '    on: [{ branch: [main, "releases/{version}-stag"], tag: rc-* }, { tag: v*, reachableFrom: main }]\n',
    )
    assert.deepEqual(
      routes.map(({ kind, pattern, reachableFrom }) => [kind, pattern, reachableFrom]),
      [
        ['branch', 'main', null],
        ['branch', 'releases/{version}-stag', null],
        ['tag', 'rc-*', null],
        ['tag', 'v*', 'main'],
      ],
    )
  })

  it('name a single target by its kind, and several by their names', () => {
    assert.deepEqual(Object.keys(environment('').targets), ['fleet'])
    const several = parse(
      `${minimal}    target: apps\n    run: x\nenvironments:\n  prod:\n    targets: { apps: { fleet: {} }, jobs: { fleet: { replicas: 3 } } }\n`,
    )
    assert.deepEqual(Object.keys(member(several.environments, 'prod').targets), ['apps', 'jobs'])
  })

  it('fill in a webhook that signs its requests', () => {
    const project = parse(
      `${minimal}notify:\n  - { webhook: { url: "https://example.com/hook", secret: { from: HOOK_SECRET } }, on: [failed] }\n`,
    )
    assert.deepEqual(project.notify, [
      {
        kind: 'webhook',
        url: { value: 'https://example.com/hook' },
        secret: { from: 'HOOK_SECRET' },
        on: ['failed'],
        environments: [],
      },
    ])
  })
})

describe('values', () => {
  it('keep versions as they are written', () => {
    assert.deepEqual(parse(`${minimal}tools: { go: 1.20, node: 24, java: 017 }\n`).tools, {
      go: '1.20',
      node: '24',
      java: '017',
    })
  })

  it('know five places for artifacts', () => {
    const artifacts = (text: string) => parse(`${minimal}artifacts: ${text}\n`).artifacts
    assert.deepEqual(artifacts('oci-layout'), { kind: 'oci-layout', path: null })
    assert.deepEqual(artifacts('oci-layout:/var/artifacts'), { kind: 'oci-layout', path: '/var/artifacts' })
    assert.deepEqual(artifacts('oci://registry.example:5000/team/shop'), {
      kind: 'oci-registry',
      repository: 'registry.example:5000/team/shop',
      insecure: false,
    })
    assert.deepEqual(artifacts('oci+http://127.0.0.1:5000/shop'), {
      kind: 'oci-registry',
      repository: '127.0.0.1:5000/shop',
      insecure: true,
    })
    assert.deepEqual(artifacts('oci://registry.example/shop/{service}'), {
      kind: 'oci-registry',
      repository: 'registry.example/shop/{service}',
      insecure: false,
    })
    const aws = 'aws: { region: eu-west-1 }\n'
    assert.deepEqual(artifacts(`s3://artifacts.shop/team/shop/\n${aws}`), {
      kind: 's3',
      bucket: 'artifacts.shop',
      prefix: 'team/shop',
    })
    assert.deepEqual(artifacts(`s3://shop\n${aws}`), { kind: 's3', bucket: 'shop', prefix: '' })
    for (const text of [
      'oci://{service}/shop',
      'oci://registry.example/{service}/{service}',
      'oci://registry.example/{name}',
      's3://Shop',
      's3://shop/../other',
      's3:',
    ])
      assert.ok('problems' in parseProject({ text: `${minimal}artifacts: "${text}"\n`, file }), text)
  })

  it('say which variables are kept in AWS, and how the environment reaches it', () => {
    const text = `${minimal}aws: { region: eu-west-1 }
environments:
  stage:
    on: { branch: main }
    target: { fleet: { hosts: [local] } }
    aws: { account: "111122223333" }
    variables: { ssm: /shop/stage/, secretsManager: [shop/stage, shop/common] }
  prod: { on: { tag: v* }, target: { fleet: { hosts: [local] } } }
`
    const { environments } = parse(text)
    assert.deepEqual(member(environments, 'stage').variables, {
      prefix: null,
      dotenv: [],
      aws: {
        access: { region: 'eu-west-1', account: '111122223333', role: null, endpoint: null, profile: null },
        ssm: ['/shop/stage/'],
        secretsManager: ['shop/stage', 'shop/common'],
      },
    })
    assert.deepEqual(member(environments, 'prod').variables, { prefix: null, dotenv: [] })
  })

  it('write paths in one way', () => {
    const service = member(
      parse('project: a\nservices: { web: { path: ./web//app/, inputs: [./lib/, go.mod] } }').services,
      'web',
    )
    assert.equal(service.path, 'web/app')
    assert.deepEqual(service.inputs, [{ pattern: 'lib/**' }, { pattern: 'go.mod' }])
    assert.equal(member(parse('project: a\nservices: { web: { path: . } }').services, 'web').path, '')
  })

  it('may be given by anchors and aliases', () => {
    const project = parse('project: a\nservices:\n  one: &one { path: one, build: make }\n  two: *one\n')
    assert.equal(project.services['two']?.build?.run, 'make')
  })
})

describe('a mistaken configuration', () => {
  it('is one usage error that carries all mistakes', () => {
    assert.throws(
      () => parseProjectOrThrow({ text: 'project: shop\nservces: {}\ntrunk: [a]\n', file }),
      (error: unknown) => {
        assert.ok(error instanceof TrunklineError)
        assert.equal(error.code, 'CONFIG_INVALID')
        assert.equal(error.kind, 'usage')
        assert.equal(
          error.message,
          'trunkline.yaml has 2 mistakes: unknown key `servces`: did you mean `services`? (trunkline.yaml:2:1)',
        )
        assert.equal(error.problems.length, 2)
        assert.equal(error.location?.line, 2)
        return true
      },
    )
  })

  it('names a folder that is not in the repository', () => {
    const parsed = parseProject({ text: minimal, file, pathExists: (path) => path === 'www' })
    assert.deepEqual('problems' in parsed && parsed.problems, [
      {
        code: 'PATH_NOT_FOUND',
        message: '`web` is not in the repository',
        location: { file, line: 4, column: 11, source: '    path: web' },
      },
    ])
    assert.equal(parse(minimal, (path) => path === 'web').name, 'shop')
  })

  it('shows a secret in none of its problems', () => {
    const secrets = [
      'hunter2hunter2',
      'https://hooks.slack.com/services/T0/B0/abcdef',
      'ghp_0123456789abcdefghijABCDEFGHIJ',
    ]
    const text = `${minimal}    env: { TOKEN: ${secrets[2]}, other: [] }
notify:
  - { webhook: { url: "https://example.com", secret: ${secrets[0]} }, onn: [failed] }
  - { slack: { webhook: ${secrets[1]} }, on: [faild] }
`
    const parsed = parseProject({ text, file })
    assert.ok('problems' in parsed)
    assert.equal(parsed.problems.filter(({ code }) => code === 'SECRET_IN_CONFIG').length, 3)
    assert.equal(parsed.problems.length, 6)
    const shown = JSON.stringify(parsed.problems)
    for (const secret of secrets) assert.ok(!shown.includes(secret), secret)
  })
})

describe('an image', () => {
  const artifactOf = (image: string) =>
    member(parse(`${minimal}    artifact: { image: ${image} }\n`).services, 'web').artifact

  it('is built from a Dockerfile, in the context of its service', () => {
    assert.deepEqual(artifactOf('{ dockerfile: web/Dockerfile, args: { N: 1 }, secrets: { T: { from: TOKEN } } }'), {
      ...{ kind: 'dockerfile', dockerfile: 'web/Dockerfile', context: 'web', target: null, args: { N: '1' } },
      ...{ platforms: [], secrets: { T: { from: 'TOKEN' } }, timeoutMs: 1_800_000 },
    })
  })

  it('has no platforms of its own unless it says so', () => {
    assert.ok(!('platforms' in artifactOf('{ base: scratch }')))
    const artifact = artifactOf('{ base: scratch, platforms: [linux/amd64, linux/arm64/v8] }')
    assert.deepEqual('platforms' in artifact ? artifact.platforms : null, ['linux/amd64', 'linux/arm64/v8'])
  })

  it('hands no secret to a build argument, and is one kind or the other', () => {
    const problems = (image: string) => {
      const parsed = parseProject({ text: `${minimal}    artifact: { image: ${image} }\n`, file })
      return 'problems' in parsed ? parsed.problems.map(({ code }) => code) : []
    }
    const token = `ghp_${'a'.repeat(30)}`
    assert.deepEqual(problems(`{ dockerfile: Dockerfile, args: { TOKEN: ${token} } }`), ['SECRET_IN_CONFIG'])
    assert.deepEqual(problems('{ dockerfile: Dockerfile, base: scratch }'), ['UNKNOWN_KEY'])
    assert.deepEqual(problems('{ dockerfile: Dockerfile, platforms: [amd64] }'), ['INVALID_VALUE'])
  })
})
