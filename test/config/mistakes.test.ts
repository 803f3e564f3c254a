import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseProject } from '../../src/config/index.ts'

const file = 'trunkline.yaml'

/** Each problem as `line:column CODE message → hint`. */
function problemsIn(text: string): string[] {
  const parsed = parseProject({ text, file })
  if ('project' in parsed) return []
  return parsed.problems.map(({ code, message, hint, location }) => {
    assert.equal(location?.file, file)
    return `${location.line}:${location.column} ${code} ${message}${hint === undefined ? '' : ` → ${hint}`}`
  })
}

type Case = { mistake: string; text: string; problems: string[] }

function table(cases: Case[]): void {
  for (const { mistake, text, problems } of cases) {
    it(mistake, () => assert.deepEqual(problemsIn(text), problems))
  }
}

const web = 'project: shop\nservices:\n  web:\n    path: web\n'
const stage = (yaml: string) => `${web}environments:\n  stage:\n${yaml}`
const fleet = '    target: { fleet: {} }\n'

describe('mistakes of syntax', () => {
  table([
    {
      mistake: 'an empty file',
      text: '',
      problems: ['1:1 EMPTY_FILE the configuration is empty → it begins with `project: <name>` and `services:`'],
    },
    {
      mistake: 'a list',
      text: '- a\n',
      problems: [
        '1:1 WRONG_TYPE a configuration is a mapping of keys to values → it begins with `project: <name>` and `services:`',
      ],
    },
    {
      mistake: 'a tab',
      text: 'project: a\nservices:\n\tweb: {}\n',
      problems: ['3:1 YAML_SYNTAX a tab indents this line → YAML is indented with spaces'],
    },
    {
      mistake: 'a pattern without quotes',
      text: `${web}    inputs: [**/package.json]\n`,
      problems: [
        '5:14 UNKNOWN_ALIAS there is no anchor `&*/package.json` for the alias `**/package.json` → text that begins with `*` needs quotes: "**/package.json"',
      ],
    },
    {
      mistake: 'a group without quotes',
      text: stage(`${fleet}    approval: { by: [@admins] }\n`),
      problems: [
        '8:22 YAML_SYNTAX plain text cannot begin with this character → text that begins with `@` needs quotes: "@admins"',
      ],
    },
    {
      mistake: 'a bracket that is never closed',
      text: 'project: a\nservices: { web: { path: web }\n',
      problems: ['3:1 YAML_SYNTAX a `[` or `{` was opened and is never closed'],
    },
    {
      mistake: 'a quote that is never closed',
      text: 'project: "a\n',
      problems: ['2:1 YAML_SYNTAX a quote was opened and is never closed'],
    },
    {
      mistake: 'a second document',
      text: `${web}---\n${web}`,
      problems: ['5:1 YAML_SYNTAX a second document begins here → a configuration is one document: remove the `---`'],
    },
    {
      mistake: 'an old version of YAML',
      text: `%YAML 1.1\n---\n${web}`,
      problems: ['1:1 YAML_VERSION trunkline.yaml asks for YAML 1.1 → Trunkline reads YAML 1.2'],
    },
    {
      mistake: 'a key that stands twice',
      text: `${web}    build: a\n    build: b\n`,
      problems: ['6:5 DUPLICATE_KEY key `build` stands twice: first on line 5 → only one of them can count'],
    },
    {
      mistake: 'a merge key',
      text: `${web}  api:\n    <<: { path: api }\n    path: api\n`,
      problems: [
        '6:5 UNKNOWN_KEY unknown key `<<`: YAML 1.2 has no merge keys → repeat the keys, or let an alias stand for the whole value',
      ],
    },
    {
      mistake: 'an alias within itself',
      text: `${web}    inputs: &all [*all]\n`,
      problems: ['5:19 ALIAS_CYCLE the alias `*all` stands within the value it names'],
    },
  ])

  it('aliases that expand to a billion values are refused at once', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
    for (let level = 1; level < 10; level += 1)
      lines.push(`a${level}: &a${level} [${Array(10).fill(`*a${level - 1}`)}]`)
    const problems = problemsIn(lines.join('\n'))
    assert.ok(problems.some((problem) => problem.includes('ALIASES_EXPAND_TOO_FAR')))
  })

  it('text nested without end is refused at once', () => {
    for (const text of [
      '['.repeat(100_000),
      `a: ${'{b: '.repeat(5_000)}`,
      '- '.repeat(5_000),
      `project: ${'['.repeat(60)}${']'.repeat(60)}`,
    ]) {
      assert.notDeepEqual(problemsIn(text), [])
    }
  })
})

describe('mistaken keys', () => {
  table([
    {
      mistake: 'a misspelt key',
      text: `${web}    artefact: { bundle: {} }\n`,
      problems: ['5:5 UNKNOWN_KEY unknown key `artefact`: did you mean `artifact`?'],
    },
    {
      mistake: 'a misspelt key within a short form',
      text: `${web}    checks: { test: { run: a, timout: 5m } }\n`,
      problems: ['5:31 UNKNOWN_KEY unknown key `timout`: did you mean `timeout`?'],
    },
    {
      mistake: 'a misspelt key that was required is one mistake',
      text: 'projct: shop\nservices: { web: { path: web } }\n',
      problems: ['1:1 UNKNOWN_KEY unknown key `projct`: did you mean `project`?'],
    },
    {
      mistake: "another tool's word",
      text: `${web}    build: { script: make }\n`,
      problems: ['5:14 UNKNOWN_KEY unknown key `script`: did you mean `run`?'],
    },
    {
      mistake: 'a key that means nothing',
      text: `${web}    artifact: { xylophone: 1 }\n`,
      problems: ['5:17 UNKNOWN_KEY unknown key `xylophone` → known here: `bundle`, `zip`, `image` and `of`'],
    },
    {
      mistake: 'missing keys',
      text: 'trunk: main\n',
      problems: [
        '1:1 MISSING_KEY `project` is missing from the configuration → it is a name',
        '1:1 MISSING_KEY `services` is missing from the configuration → it is a mapping of names to services',
      ],
    },
    {
      mistake: 'a missing key of an item',
      text: stage(`${fleet}    hooks: { before: [{ name: a, service: web }] }\n`),
      problems: ['8:23 MISSING_KEY `run` is missing from `before[0]` → it is a command'],
    },
    {
      mistake: 'an empty value',
      text: `${web}    build:\n`,
      problems: ['5:11 WRONG_TYPE `build` is empty: it must be a command, or a mapping with `run` or `esbuild`'],
    },
  ])

  it('words of JavaScript are no names', () => {
    for (const name of ['__proto__', 'constructor']) {
      const problems = problemsIn(`project: a\nservices: { ${name}: { path: a } }\n`)
      assert.match(
        problems.find((problem) => problem.startsWith('2:13')) ?? '',
        /2:13 INVALID_(?:KEY|NAME) `.*` cannot be a (?:key|name): it is a word of JavaScript itself/,
      )
    }
    assert.match(
      problemsIn(`${web}    needs: [toString, hasOwnProperty]\n`).join('\n'),
      /"toString" is not a valid name/,
    )
    assert.match(problemsIn(`${web}    needs: [valueof]\n`).join('\n'), /UNKNOWN_SERVICE unknown service `valueof`$/)
    assert.equal(Object.hasOwn(Object.prototype, 'path'), false)
  })
})

describe('mistaken values', () => {
  table([
    {
      mistake: 'a word for a number',
      text: stage('    target: { fleet: { replicas: two } }\n'),
      problems: ['7:34 WRONG_TYPE `replicas` must be a whole number ≥ 1, not "two"'],
    },
    {
      mistake: 'a router nobody has heard of',
      text: stage('    target: { fleet: { router: ngnix } }\n'),
      problems: [
        '7:32 WRONG_TYPE `router` must be `built-in`, `nginx` or `haproxy`, not "ngnix": did you mean `nginx`?',
      ],
    },
    {
      mistake: 'names, paths and commands for a router that cannot be',
      text: stage(
        '    target: { fleet: { router: { nginx: { directory: conf.d, upstream: "{app}", reload: "nginx -t && nginx" } } } }\n',
      ),
      problems: [
        '7:54 INVALID_VALUE `directory` must be an absolute path such as `/etc/nginx/trunkline.d`, not "conf.d"',
        '7:72 INVALID_VALUE `upstream` has an unknown placeholder "{app}" → known are {project}, {environment} and {service}',
        '7:89 INVALID_VALUE `reload` must be a program and its arguments, not "nginx -t && nginx" → no shell reads it: put what needs one into a script',
      ],
    },
    {
      mistake: 'two routers',
      text: stage('    target: { fleet: { router: { nginx: {}, haproxy: { backend: web } } } }\n'),
      problems: [
        '7:24 NOT_EXACTLY_ONE `router` has `nginx` and `haproxy`: keep one of them',
        '7:65 INVALID_VALUE `backend` must be made of letters, digits, `.`, `_`, `-` and `{service}`, not "web"',
      ],
    },
    {
      mistake: 'a mapping for a list',
      text: `${web}    inputs: { a: b }\n`,
      problems: ['5:13 WRONG_TYPE `inputs` must be a list of paths or patterns, not a mapping'],
    },
    {
      mistake: 'a name that is no host name',
      text: 'project: My Shop\nservices: { Web: { path: a } }\n',
      problems: [
        '1:10 INVALID_NAME "My Shop" is not a valid name: use lower-case letters, digits and hyphens, a letter first, at most 63 → did you mean `my-shop`?',
        '2:13 INVALID_NAME "Web" is not a valid name: use lower-case letters, digits and hyphens, a letter first, at most 63 → did you mean `web`?',
      ],
    },
    {
      mistake: 'paths outside the repository',
      text: `project: a\nservices: { web: { path: ../web, inputs: [/etc/passwd, "a/../../b"] } }\n`,
      problems: [
        "2:26 PATH_OUTSIDE_REPOSITORY `../web` lies outside the repository → paths are relative to the repository's root",
        "2:43 PATH_OUTSIDE_REPOSITORY `/etc/passwd` lies outside the repository → paths are relative to the repository's root",
        "2:56 PATH_OUTSIDE_REPOSITORY `a/../../b` lies outside the repository → paths are relative to the repository's root",
      ],
    },
    {
      mistake: 'a dotenv file outside the repository',
      text: stage(`${fleet}    variables: { dotenv: [a.env, ../b.env] }\n`),
      problems: [
        "8:34 PATH_OUTSIDE_REPOSITORY `../b.env` lies outside the repository → paths are relative to the repository's root",
      ],
    },
    {
      mistake: 'a negated pattern',
      text: `${web}    inputs: ["!web/test/**"]\n`,
      problems: [
        '5:14 INVALID_PATH `!web/test/**`: patterns are not negated with `!` → list it under `ignore` (inputs) or `exclude` (a bundle)',
      ],
    },
    {
      mistake: 'durations',
      text: `${web}    run: { command: a, startTimeout: 5 minutes, drainTimeout: 30, stopTimeout: 0s }\n`,
      problems: [
        '5:38 INVALID_DURATION `startTimeout` must be a duration such as `10s`, `5m`, `8h`, `7d`, or milliseconds, not "5 minutes" → did you mean `5m`?',
        '5:63 INVALID_DURATION `drainTimeout`: 30 is 30 milliseconds: did you mean `30s`? → if it is meant, write `30ms`',
        '5:80 INVALID_DURATION `stopTimeout` must be more than nothing and at most a year (366d)',
      ],
    },
    {
      mistake: 'windows',
      text: stage(
        `${fleet}    windows: [{ cron: "99 * * * *", duration: 8h, timezone: Europe/Berln }, { cron: "0 0 30 2 *", duration: 8h }]\n`,
      ),
      problems: [
        '8:23 INVALID_CRON "99 * * * *" is not a cron expression: Invalid value for minute: 99 → minute, hour, day of month, month, day of week, such as "0 9 * * 1-5"',
        '8:61 INVALID_TIMEZONE there is no time zone "Europe/Berln" → did you mean `Europe/Berlin`?',
        '8:85 INVALID_CRON the window "0 0 30 2 *" never opens',
      ],
    },
    {
      mistake: 'ports out of range',
      text: stage('    target: { fleet: { ports: { web: 70000 } } }\n').replace(
        'path: web',
        'path: web\n    run: { command: a, port: PORT }',
      ),
      problems: ['8:38 WRONG_TYPE `web` must be a whole number from 1 to 65535, not 70000'],
    },
    {
      mistake: 'a port where its variable belongs',
      text: `${web}    run: { command: a, port: 3000 }\n`,
      problems: [
        '5:30 WRONG_TYPE `port` must be the name of an environment variable, not 3000 → write `port: PORT`: Trunkline chooses the number and hands it to each instance in that variable',
      ],
    },
    {
      mistake: 'stores',
      text: `${web}artifacts: https://registry.example/shop\n`,
      problems: [
        '5:12 INVALID_VALUE `artifacts` must be `oci-layout`, `oci-layout:path`, `oci://host/repository` or `s3://bucket/prefix`, not "https://registry.example/shop": did you mean `oci://registry.example/shop`?',
      ],
    },
    {
      mistake: 'a store with a tag',
      text: `${web}artifacts: oci://registry.example/shop:latest\n`,
      problems: ['5:12 INVALID_VALUE "registry.example/shop:latest" is no repository of a registry: leave the tag out'],
    },
    {
      mistake: 'a reaction',
      text: stage(`${fleet}    onFailure: [rolback, yank, yank]\n`),
      problems: [
        '8:17 WRONG_TYPE `onFailure[0]` must be `rollback`, `yank` or `notify`, not "rolback": did you mean `rollback`?',
        '8:32 DUPLICATE_ENTRY `yank` stands twice',
      ],
    },
    {
      mistake: 'two kinds of artifact',
      text: `${web}  api:\n    path: api\n    artifact: { bundle: {}, of: web }\n`,
      problems: ['7:5 NOT_EXACTLY_ONE `artifact` has `bundle` and `of`: keep one of them'],
    },
    {
      mistake: 'a key that is none',
      text: `${web}    env: { 1A: x }\n`,
      problems: [
        '5:12 INVALID_NAME "1A" cannot be the name of an environment variable: use letters, digits and `_`, no digit first',
      ],
    },
  ])
})

describe('variables in AWS', () => {
  table([
    {
      mistake: 'without a region',
      text: stage('    variables: { ssm: /shop/stage/ }\n    target: { fleet: { hosts: [local] } }\n'),
      problems: [
        '7:5 REGION_MISSING environment `stage` is in AWS (ssm) and has no region → for example `aws: { region: eu-west-1, account: "111122223333" }`',
      ],
    },
    {
      mistake: 'a path without its slash',
      text: stage(
        '    aws: { region: eu-west-1 }\n    variables: { ssm: shop/stage }\n    target: { fleet: { hosts: [local] } }\n',
      ),
      problems: ['8:23 INVALID_VALUE `ssm` must be a path such as `/shop/stage/`, with a slash first'],
    },
  ])
})

describe('a bucket', () => {
  table([
    {
      mistake: 'without a region',
      text: `${web}artifacts: s3://bucket/prefix\n`,
      problems: [
        '1:1 REGION_MISSING artifacts are kept in a bucket of S3, and the project has no region of AWS → for example `aws: { region: eu-west-1, account: "111122223333" }`',
      ],
    },
    {
      mistake: 'in upper case',
      text: `${web}artifacts: s3://Bucket\n`,
      problems: [
        '5:12 INVALID_VALUE "s3://Bucket" is no place in a bucket: it looks like `s3://artifacts.example/shop`, in lower case',
      ],
    },
  ])
})

describe('words of a later version', () => {
  table([
    {
      mistake: 'a target',
      text: stage('    target: { cloudrun: { region: shop } }\n'),
      problems: [
        '7:15 NOT_AVAILABLE target `cloudrun` is not available in this version of Trunkline (available: fleet, kubernetes, gitops, lambda, cloudformation, terraform, codedeploy, codepipeline, site, ecs)',
      ],
    },
  ])
})

describe('hosts of a fleet', () => {
  const host = (text: string) => stage(`    target: { fleet: { hosts: [${JSON.stringify(text)}] } }\n`)
  const at = '7:32 INVALID_HOST the host'
  table([
    {
      mistake: 'what ssh would take for an option',
      text: host('-oProxyCommand=evil'),
      problems: [`${at} "-oProxyCommand=evil" looks like an option of \`ssh\``],
    },
    {
      mistake: 'an option behind a user',
      text: host('deploy@-oProxyCommand=evil'),
      problems: [`${at} "deploy@-oProxyCommand=evil" looks like an option of \`ssh\``],
    },
    {
      mistake: 'a host that is an option in a URL',
      text: host('ssh://-oProxyCommand=evil'),
      problems: [`${at} "ssh://-oProxyCommand=evil" names no host → write it as \`ssh://user@host:port\``],
    },
    {
      mistake: 'a port without ssh://',
      text: host('web1:2222'),
      problems: [
        `${at} "web1:2222" has a \`:\` in it → a port is written as \`ssh://host:port\`, an IPv6 address as \`ssh://[::1]\``,
      ],
    },
    {
      mistake: 'a port that is none',
      text: host('ssh://web1:70000'),
      problems: [`${at} "ssh://web1:70000" has no port from 1 to 65535 after the \`:\``],
    },
    {
      mistake: 'a password',
      text: host('ssh://deploy:secret@web1'),
      problems: [`${at} "ssh://deploy:secret@web1" has a password in it: log in with a key`],
    },
    {
      mistake: 'shell characters',
      text: host('web1;reboot'),
      problems: [
        `${at} "web1;reboot" is no host → use \`local\`, \`ssh://user@host:port\`, or a name from ~/.ssh/config`,
      ],
    },
    {
      mistake: 'a host twice',
      text: stage('    target: { fleet: { hosts: [web1, web1] } }\n'),
      problems: ['7:38 DUPLICATE_ENTRY `web1` stands twice'],
    },
  ])
})

describe('names of what is not there', () => {
  const services =
    'project: shop\nservices:\n  products: { path: a, run: { command: a, port: PORT } }\n  carts:\n    path: carts\n'
  const carts = (yaml: string) => `${services}${yaml}`
  const env = (yaml: string) => `${services}environments:\n  stage:\n    target: { fleet: {} }\n${yaml}`
  table([
    {
      mistake: 'needs and deployAfter',
      text: carts('    needs: [product]\n    deployAfter: [prodcts]\n'),
      problems: [
        '6:13 UNKNOWN_SERVICE unknown service `product`: did you mean `products`?',
        '7:19 UNKNOWN_SERVICE unknown service `prodcts`: did you mean `products`?',
      ],
    },
    {
      mistake: 'the artifact of',
      text: carts('  jobs: { artifact: { of: cart } }\n'),
      problems: ['6:27 UNKNOWN_SERVICE unknown service `cart`: did you mean `carts`?'],
    },
    {
      mistake: 'an address',
      text: carts('    env: { A: { service: product }, B: { service: carts } }\n'),
      problems: [
        '6:26 UNKNOWN_SERVICE unknown service `product`: did you mean `products`?',
        '6:51 SERVICE_WITHOUT_PORT service `carts` serves nothing: it has no `run.port` → for example `run: { command: …, port: PORT }`',
      ],
    },
    {
      mistake: 'services that hooks come after',
      text: env(
        '    hooks: { before: [{ name: a, run: a, service: carts, deployAfter: [cart] }], after: [{ name: b, run: b, service: carts, deployAfter: [carts] }] }\n',
      ),
      problems: [
        '9:72 UNKNOWN_SERVICE unknown service `cart`: did you mean `carts`?',
        '9:125 UNKNOWN_KEY unknown key `deployAfter` → known here: `name`, `service`, `run`, `timeout`, `idempotent` and `irreversible`',
      ],
    },
    {
      mistake: 'hooks, verifications and tasks',
      text: env(
        '    hooks: { after: [{ name: a, run: a, service: cats }] }\n    verify: [{ name: a, http: /, service: prducts }]\ntasks: { seed: { service: cartz, run: a } }\n',
      ),
      problems: [
        '9:50 UNKNOWN_SERVICE unknown service `cats`: did you mean `carts`?',
        '10:43 UNKNOWN_SERVICE unknown service `prducts`: did you mean `products`?',
        '11:27 UNKNOWN_SERVICE unknown service `cartz`: did you mean `carts`?',
      ],
    },
    {
      mistake: 'fixed ports',
      text: env('').replace('fleet: {}', 'fleet: { ports: { product: 80 } }'),
      problems: ['8:33 UNKNOWN_SERVICE unknown service `product`: did you mean `products`?'],
    },
    {
      mistake: 'a name is looked up whatever else is wrong around it',
      text: env('    hooks: { before: [{ service: cats }] }\n'),
      problems: [
        '9:23 MISSING_KEY `name` is missing from `before[0]` → it is a name',
        '9:23 MISSING_KEY `run` is missing from `before[0]` → it is a command',
        '9:34 UNKNOWN_SERVICE unknown service `cats`: did you mean `carts`?',
      ],
    },
    {
      mistake: 'environments',
      text: env('    after: stge\nnotify: [{ slack: { webhook: { from: A } }, environments: [prod] }]\n'),
      problems: [
        '9:12 UNKNOWN_ENVIRONMENT unknown environment `stge`: did you mean `stage`?',
        '10:60 UNKNOWN_ENVIRONMENT unknown environment `prod`',
      ],
    },
    {
      mistake: 'groups',
      text: env('    approval: { by: ["@release-mangers"] }\npeople: { release-managers: [{ email: a@b.example }] }\n'),
      problems: [
        '9:22 UNKNOWN_GROUP unknown group `@release-mangers`: did you mean `@release-managers`? → groups stand under `people`',
      ],
    },
    {
      mistake: 'targets',
      text: `${services}    target: aps\n    run: a\nenvironments:\n  stage: { targets: { apps: { fleet: {} }, jobs: { fleet: {} } } }\n`,
      problems: [
        '3:3 TARGET_MISSING service `products` must name its `target`: environment `stage` has `apps` and `jobs`',
        '6:13 UNKNOWN_TARGET unknown target `aps`: did you mean `apps`?',
      ],
    },
    {
      mistake: 'a target that one environment lacks',
      text: 'project: a\nservices: { web: { path: a, target: app } }\nenvironments:\n  stage: { targets: { app: { fleet: {} } } }\n  prod: { targets: { jobs: { fleet: {} } } }\n',
      problems: ['2:37 UNKNOWN_TARGET environment `prod` has no target `app`: it has `jobs`'],
    },
  ])
})

describe('contradictions', () => {
  table([
    {
      mistake: 'circles',
      text: 'project: a\nservices:\n  a: { path: a, needs: [b] }\n  b: { path: b, needs: [c], deployAfter: [b] }\n  c: { artifact: { of: a } }\nenvironments:\n  x: { after: y, target: { fleet: {} } }\n  y: { after: [x], target: { fleet: {} } }\n',
      problems: [
        '3:25 CYCLE what services are built from (`needs`, `artifact.of`) goes round in a circle: `a` → `b` → `c` → `a`',
        '4:43 CYCLE `deployAfter` goes round in a circle: `b` → `b`',
        '7:15 CYCLE `after` goes round in a circle: `x` → `y` → `x`',
      ],
    },
    {
      mistake: 'no services',
      text: 'project: a\nservices: {}\n',
      problems: [
        '2:1 NO_SERVICES no service is declared → for example `services: { web: { path: web, build: make } }`',
      ],
    },
    {
      mistake: 'a service that nothing would rebuild',
      text: 'project: a\nservices: { web: {} }\n',
      problems: [
        '2:13 NO_INPUTS service `web` has neither `path` nor `inputs`: no change would ever rebuild it → for example `path: services/web`',
      ],
    },
    {
      mistake: 'a build that never runs',
      text: `${web}  jobs: { artifact: { of: web }, build: make }\n`,
      problems: ['5:34 BUILD_NEVER_RUNS `build` never runs: the service runs the artifact of `web` (`artifact.of`)'],
    },
    {
      mistake: 'health without a port',
      text: `${web}    run: { command: a, health: /healthz }\n`,
      problems: [
        '5:24 HEALTH_WITHOUT_PORT `health` is never asked: the service has no `port` → name the variable in which an instance is told its port: `port: PORT`',
      ],
    },
    {
      mistake: 'a port that is set',
      text: `${web}    run: { command: a, port: PORT }\n    env: { PORT: 80 }\n`,
      problems: [
        '6:12 PORT_SET_TWICE `PORT` is the port that Trunkline gives each instance (`run.port`): it cannot be set here',
      ],
    },
    {
      mistake: 'no target, or two',
      text: `${web}environments:\n  a: {}\n  b: { target: { fleet: {} }, targets: { x: { fleet: {} } } }\n  c: { targets: {} }\n`,
      problems: [
        '6:3 NO_TARGET environment `a` has no target: it needs `target` or `targets` → for example `target: { fleet: { hosts: [local], replicas: 2 } }`',
        '7:31 NOT_EXACTLY_ONE environment `b` has both `target` and `targets`: keep one of them',
        '8:8 NO_TARGET environment `c` has no target: `targets` is empty → for example `target: { fleet: { hosts: [local], replicas: 2 } }`',
      ],
    },
    {
      mistake: 'names that stand twice',
      text: stage(
        `${fleet}    hooks: { before: [{ name: m, run: a, service: web }], after: [{ name: m, run: b, service: web }] }\n    verify: [{ name: v, run: a }, { name: v, run: b }]\n`,
      ),
      problems: [
        '8:75 DUPLICATE_NAME there are two hooks called `m` in this environment',
        '9:43 DUPLICATE_NAME there are two verifications called `v` in this environment',
      ],
    },
    {
      mistake: 'a port that is taken',
      text: 'project: a\nservices:\n  a: { path: a, run: { command: a, port: P } }\n  b: { path: b, run: { command: b, port: P } }\nenvironments: { x: { target: { fleet: { ports: { a: 80, b: 80 } } } } }\n',
      problems: ['5:60 PORT_TAKEN port 80 is taken: `a` has it in this environment'],
    },
    {
      mistake: 'a quorum that nobody can reach',
      text: stage(
        `${fleet}    approval: { by: ["@admins", A@b.example], quorum: 2 }\npeople: { admins: [{ email: a@b.example }] }\n`,
      ),
      problems: ['8:55 QUORUM_TOO_LARGE 2 must approve, and 1 person may: this environment could never be deployed'],
    },
  ])
})

describe('unreachable routes', () => {
  const routes = (on: string) => stage(`${fleet}    on: ${on}\n`)
  const never = 'a ref takes the first route that it matches: put the narrower one first, or remove one'
  table([
    {
      mistake: 'the same route twice',
      text: routes('[{ branch: main }, { branch: main, reachableFrom: main }]'),
      problems: [
        `8:38 UNREACHABLE_ROUTE the route for branch \`main\` stands twice: the first one takes all its refs → ${never}`,
      ],
    },
    {
      mistake: 'a route behind a wider one',
      text: routes('{ tag: ["v*", "v1.*", "rc-{n}"] }'),
      problems: [
        `8:23 UNREACHABLE_ROUTE the route for tag \`v1.*\` is never taken: \`v*\` before it matches the same refs → ${never}`,
      ],
    },
    {
      mistake: 'a pattern that git allows no ref to match',
      text: routes(
        '[{ tag: "v[0-9]" }, { branch: refs/heads/main }, { branch: "a b" }, { branch: "re{le" }, { branch: "{a,b}" }]',
      ),
      problems: [
        '8:17 UNREACHABLE_ROUTE no ref can match "v[0-9]": it has "[" in it → wildcards are `*`, `**` and `{name}`',
        '8:39 UNREACHABLE_ROUTE no ref can match "refs/heads/main": it is matched against the name without `refs/heads/` or `refs/tags/` → did you mean `main`?',
        '8:68 UNREACHABLE_ROUTE no ref can match "a b": it has " " in it',
        '8:87 UNREACHABLE_ROUTE no ref can match "re{le": a brace has no partner → a capture looks like `{version}`',
        '8:108 UNREACHABLE_ROUTE no ref can match "{a,b}": `{a,b}` is no capture → alternatives are a list: `[a, b]`',
      ],
    },
    {
      mistake: 'reachable from a pattern',
      text: routes('{ tag: v*, reachableFrom: "releases/*" }'),
      problems: ['8:35 INVALID_BRANCH `reachableFrom` names one branch, not a pattern: "releases/*"'],
    },
    {
      mistake: 'a route that feeds nothing',
      text: routes('{ reachableFrom: main }'),
      problems: ['8:5 NOT_EXACTLY_ONE `on` feeds nothing: it needs `branch` or `tag`'],
    },
  ])

  it('an environment without routes is fine: it takes deployments by hand', () => {
    assert.deepEqual(problemsIn(stage(fleet)), [])
  })
})

describe('secrets that are written out', () => {
  const hint = 'write `{ from: NAME }` with the name of a variable, and change the secret: it has been in a file'
  table([
    {
      mistake: 'a Slack webhook',
      text: `${web}notify: [{ slack: { webhook: "https://hooks.slack.com/services/T0/B0/x" } }]\n`,
      problems: [`5:30 SECRET_IN_CONFIG \`webhook\` is a secret, written out → ${hint}`],
    },
    {
      mistake: 'a password in a URL',
      text: `${web}notify: [{ webhook: { url: "https://u:p@example.com/" } }]\n`,
      problems: [`5:28 SECRET_IN_CONFIG \`url\` is a secret, written out → ${hint}`],
    },
    {
      mistake: 'a password in a remote',
      text: `${web}state: { remote: "https://u:p@example.com/a.git" }\n`,
      problems: [
        "5:18 SECRET_IN_CONFIG `remote` has a password in it → leave it out: git's credential helper knows it",
      ],
    },
    {
      mistake: 'a token in a variable',
      text: `${web}    env: { TOKEN: ghp_0123456789abcdefghijABCDEFGHIJ }\n`,
      problems: [
        '5:19 SECRET_IN_CONFIG `TOKEN` is a secret, written out → name it instead: `{ from: NAME, secret: true }`, and change the secret: it has been in a file',
      ],
    },
  ])
})

describe('mistakes in a rollout', () => {
  const rollout = (yaml: string) => stage(`${fleet}    verify: [{ name: it works, run: make }]\n    rollout: ${yaml}\n`)
  table([
    {
      mistake: 'an unknown name',
      text: rollout('canari'),
      problems: [
        '9:14 WRONG_TYPE `rollout` must be `one-at-a-time`, `half`, `all-at-once`, `canary` or `blue-green`, not "canari": did you mean `canary`?',
      ],
    },
    {
      mistake: 'two kinds at once',
      text: rollout('{ canary: {}, blue-green: {} }'),
      problems: ['9:5 NOT_EXACTLY_ONE `rollout` has `canary` and `blue-green`: keep one of them'],
    },
    {
      mistake: 'weights that do not rise',
      text: rollout('{ canary: { steps: [{ weight: 50 }, { weight: 10 }] } }'),
      problems: ['9:60 INVALID_VALUE `weight` must rise from step to step: 10 comes after 50'],
    },
    {
      mistake: 'a canary without steps',
      text: rollout('{ canary: { steps: [] } }'),
      problems: ['9:33 WRONG_TYPE `steps` must be a list of at least one step, not a list'],
    },
    {
      mistake: 'a pause without a unit',
      text: rollout('{ canary: { steps: [{ weight: 10, pause: 20 }] } }'),
      problems: [
        '9:55 INVALID_DURATION `pause`: 20 is 20 milliseconds: did you mean `20s`? → if it is meant, write `20ms`',
      ],
    },
    {
      mistake: 'a verification that is not declared',
      text: rollout('{ canary: { steps: [{ weight: 10, verify: it wroks }] } }'),
      problems: ['9:56 UNKNOWN_VERIFICATION unknown verification `it wroks`: did you mean `it works`?'],
    },
    {
      mistake: 'a verification that is not declared, of a blue-green rollout of one service',
      text: stage(`${fleet}    rollouts: { web: { blue-green: { verify: [smoke] } } }\n`),
      problems: [
        '8:46 UNKNOWN_VERIFICATION unknown verification `smoke` → declare it under `verify` of this environment',
      ],
    },
    {
      mistake: 'a rollout of a service that is not there',
      text: stage(`${fleet}    rollouts: { wob: half }\n`),
      problems: ['8:17 UNKNOWN_SERVICE unknown service `wob`: did you mean `web`?'],
    },
  ])
})

it('all mistakes of a file are told at once, in its order', () => {
  const text = `project: shop
services:
  carts:
    path: ../carts
    artefact: {}
    needs: [product]
  products: { path: products, deployAfter: [products], run: { command: x, prt: PORT } }
environments:
  stage: { on: { branch: "a b" }, target: { fleet: { replicas: two } }, hooks: { before: [{ nam: x }] } }
  prod: { after: stag, target: { cloudrun: { } }, rollout: blue-geen }
`
  const codes = problemsIn(text).map((problem) => problem.split(' ').slice(0, 2).join(' '))
  assert.deepEqual(codes, [
    '4:11 PATH_OUTSIDE_REPOSITORY',
    '5:5 UNKNOWN_KEY',
    '6:13 UNKNOWN_SERVICE',
    '7:45 CYCLE',
    '7:75 UNKNOWN_KEY',
    '9:26 UNREACHABLE_ROUTE',
    '9:64 WRONG_TYPE',
    '9:91 MISSING_KEY',
    '9:91 MISSING_KEY',
    '9:93 UNKNOWN_KEY',
    '10:18 UNKNOWN_ENVIRONMENT',
    '10:34 NOT_AVAILABLE',
    '10:60 WRONG_TYPE',
  ])
})

it('a file with no end of mistakes tells the first, and how many more there are', () => {
  const problems = problemsIn(
    `project: a\nservices:\n${Array.from({ length: 300 }, (_, index) => `  a${index}: {}\n`).join('')}`,
  )
  assert.equal(problems.length, 201)
  assert.match(problems.at(-1) ?? '', /^203:3 MORE_PROBLEMS and 100 more mistakes from here on$/)
})
