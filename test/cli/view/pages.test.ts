import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import stringWidth from 'string-width'
import {
  type LogEntry,
  renderDiff,
  renderError,
  renderLog,
  renderPlan,
  renderStatus,
  renderWhere,
  renderWhy,
  type StatusDocument,
  type Style,
} from '../../../src/cli/view/index.ts'
import { briefReason } from '../../../src/cli/view/pages/reasons.ts'
import { refusedError, usageError } from '../../../src/model/index.ts'
import { commitOf, digest, hash, reasonWith, shopPlan } from './shop.ts'

const style: Style = { colour: false, unicode: true, width: 80 }
const ascii: Style = { colour: false, unicode: false, width: 80 }
const nowMs = Date.parse('2026-03-01T12:00:00Z')
const anna = { name: 'Anna Ruiz', email: 'anna@example.com' }

/** The text between the first and the last line break, without the common indent: a page as it looks. */
function page(text: string): string[] {
  const lines = text.split('\n').slice(1, -1)
  const indent = Math.min(...lines.filter((line) => line.trim() !== '').map((line) => line.search(/\S/)))
  return lines.map((line) => line.slice(indent))
}

describe('plan page', () => {
  test('says what is built and why, where it goes, and what can be done', () => {
    assert.deepEqual(
      renderPlan(shopPlan(), style),
      page(`
        Plan for commit c0ffee000000 on refs/heads/main

        Services
          build carts  services/carts/a.ts changed  input services/carts/** (path)
          reuse email  built once at 77aa21c from the same inputs

        Environments
          deploy stage  branch main feeds stage
            roll  carts  nothing → new
            1 service unchanged
          wait   prod   needs 1 approval of @release-managers
            → trunkline approve prod

        1 to build, 1 to reuse, 1 environment to deploy · plan ${hash('plan').slice(0, 12)}
      `),
    )
  })

  test('shows every reason, unchanged services and steps when asked to be verbose', () => {
    const text = renderPlan(shopPlan(), style, { verbose: true }).join('\n')
    assert.match(text, /keep +email/)
    assert.match(text, /check +check:carts\/test\n/)
    assert.match(text, /build +build:carts +after check:carts\/test/)
  })

  test('needs no Unicode', () => {
    assert.match(renderPlan(shopPlan(), ascii).join('\n'), /^[ -~\n]*$/)
  })
})

const status: StatusDocument = {
  environments: [
    {
      name: 'stage',
      release: null,
      commit: commitOf('c0ffee'),
      version: 'c0ffee0',
      health: 'healthy',
      reasons: [],
      since: '2026-03-01T11:50:00Z',
      held: null,
      yanked: false,
      deployment: null,
      waiting: null,
      lastFailure: {
        kind: 'failed',
        version: '77aa21c',
        at: '2026-03-01T11:49:00Z',
        reasons: [reasonWith('verification-failed', 'a purchase ended with exit code 1')],
        rolledBackTo: { version: 'c0ffee0', at: '2026-03-01T11:50:00Z' },
      },
      services: [
        {
          name: 'carts',
          artifact: digest('carts'),
          inputHash: null,
          instances: { ready: 1, desired: 2 },
          url: 'http://127.0.0.1:8080',
          detail: 'Deployment carts: 1 of 2 pods are available',
        },
        {
          name: 'web',
          artifact: digest('web'),
          inputHash: null,
          instances: { ready: 1, desired: 1 },
          url: null,
          detail: 'Synced, Healthy',
        },
      ],
    },
    {
      name: 'prod',
      release: null,
      commit: null,
      version: null,
      health: 'none',
      since: null,
      held: { actor: anna, at: '2026-03-01T11:00:00Z', reasons: [reasonWith('held', 'Black Friday')] },
      yanked: false,
      deployment: null,
      reasons: [],
      waiting: {
        version: 'v1.5.0',
        plan: null,
        since: '2026-03-01T10:00:00Z',
        reasons: [reasonWith('awaiting-approval', 'needs 1 approval')],
      },
      lastFailure: null,
      services: [],
    },
  ],
}

describe('status page', () => {
  test('shows a row for each environment and below it what is out of the ordinary', () => {
    assert.deepEqual(
      renderStatus(status, style, { nowMs }),
      page(`
        environment  version  health   instances  commit        since
        stage        c0ffee0  healthy  2/3        c0ffee000000  10 min ago
        prod         nothing  -        -

        stage
          failed 77aa21c 11 min ago, rolled back to c0ffee0
            a purchase ended with exit code 1

        prod
          held by Anna Ruiz 1 h ago
            Black Friday
            → trunkline resume prod
          waiting v1.5.0 2 h ago
            needs 1 approval
            → trunkline approve prod
      `),
    )
  })

  test('shows the services of each environment when asked, and of one that is not whole why', () => {
    const lines = renderStatus(status, style, { nowMs, services: true })
    assert.deepEqual(lines.slice(0, 7), [
      'stage  c0ffee0 healthy c0ffee000000 10 min ago',
      '  failed 77aa21c 11 min ago, rolled back to c0ffee0',
      '    a purchase ended with exit code 1',
      `  carts  1/2 ●○  ${digest('carts').slice(7, 19)}  http://127.0.0.1:8080`,
      `  web    1/1 ●   ${digest('web').slice(7, 19)}`,
      '  carts: Deployment carts: 1 of 2 pods are available',
      '',
    ])
  })
})

test('the most telling reason comes first: why there was nothing to build, or that it was built before', () => {
  const built = reasonWith('already-built', 'built once at 77aa21c from the same inputs')
  const others = reasonWith('inputs-of-others', 'no input changed; 1 changed file is input of other services')
  const changed = reasonWith('input-changed', 'services/carts/a.ts changed')
  assert.equal(briefReason([built, others]), others.message)
  assert.equal(briefReason([built, changed]), built.message)
  assert.equal(briefReason([built]), built.message)
  assert.equal(briefReason([changed, reasonWith('recipe-changed', 'the command changed')]), `${changed.message} (+1)`)
  const plan = shopPlan()
  const services = plan.services.map((service) => ({ ...service, action: 'reuse' as const, reasons: [built, others] }))
  const lines = renderPlan({ ...plan, services }, { ...style, width: 120 })
  assert.equal(lines[3], `  reuse carts  ${others.message}`)
  assert.equal(lines[4], `  reuse email  ${others.message}`)
})

describe('log page', () => {
  test('is one line an event, with its kind, its subject and who did it', () => {
    const candidate = {
      release: hash('r') as never,
      view: hash('v') as never,
      commit: commitOf('c0ffee'),
      ref: null,
      version: 'v1',
      author: anna,
    }
    const base = { version: 1, at: '2026-03-01T11:58:00Z', actor: anna, environment: 'prod', reasons: [] } as const
    const entries: LogEntry[] = [
      {
        oid: commitOf('bb'),
        event: {
          ...base,
          seq: 2,
          kind: 'failed',
          deployment: null,
          candidate,
          step: 'prod/verify:works',
          logTail: [],
          reactions: [],
          reasons: [reasonWith('x', 'answered 500')],
        },
      },
      { oid: commitOf('aa'), event: { ...base, seq: 1, kind: 'held', reasons: [reasonWith('held', 'Black Friday')] } },
    ]
    assert.deepEqual(
      renderLog(entries, { ...style, width: 120 }, { nowMs }),
      page(`
        bb0000000000  2 min ago  failed  v1 (c0ffee000000) at prod/verify:works: answered 500  Anna Ruiz
        aa0000000000  2 min ago  held    Black Friday  Anna Ruiz
      `),
    )
    assert.deepEqual(renderLog([], style, { nowMs }), ['nothing has happened here yet'])
  })
})

describe('where, why and diff', () => {
  test('where says how far a commit has got', () => {
    assert.deepEqual(
      renderWhere(
        {
          commit: commitOf('c0ffee'),
          subject: 'Round half to even',
          release: null,
          yanked: true,
          environments: [
            { name: 'stage', state: 'running', version: 'c0ffee0', at: '2026-03-01T11:50:00Z', reasons: [] },
            {
              name: 'prod',
              state: 'refused',
              version: null,
              at: null,
              reasons: [reasonWith('yanked', 'it was yanked')],
            },
          ],
        },
        style,
        { nowMs },
      ),
      page(`
        c0ffee000000 Round half to even
        no release was made of it yanked

        ●  stage  runs     c0ffee0  10 min ago
        ✗  prod   refused                       it was yanked
      `),
    )
  })

  test('why names the file, the input and the rule', () => {
    const reasons = [
      reasonWith('input-changed', 'services/carts/a.ts changed', { input: 'services/carts/**', rule: 'path' }),
    ]
    const inputs = [{ input: 'services/carts/**', rule: 'path', files: 31 }]
    assert.deepEqual(
      renderWhy(
        {
          service: 'carts',
          commit: commitOf('c0ffee'),
          action: 'build',
          inputHash: hash('carts'),
          artifact: null,
          builtFrom: commitOf('aa'),
          reasons,
          inputs,
        },
        style,
      ),
      page(`
        carts is built at commit c0ffee000000
          services/carts/a.ts changed  input services/carts/** (path)

          input hash     ${hash('carts').slice(0, 12)}
          artifact       not built yet
          compared with  commit aa0000000000

        Inputs
          services/carts/**  path  31 files
      `),
    )
  })

  test('diff lists what differs and the commits between', () => {
    const [one, two] = [digest('one'), digest('two')]
    assert.deepEqual(
      renderDiff(
        {
          from: { label: 'prod', version: 'v1', commit: commitOf('aa') },
          to: { label: 'stage', version: 'c0ffee0', commit: commitOf('c0ffee') },
          services: [
            { name: 'carts', change: 'changed', from: one, to: two, reasons: [] },
            { name: 'email', change: 'same', from: one, to: one, reasons: [] },
          ],
          commits: [{ id: commitOf('c0ffee'), subject: 'Round half to even', author: 'Anna Ruiz' }],
          missing: [],
        },
        style,
      ),
      page(`
        prod v1 aa0000000000 → stage c0ffee000000

          changed  carts  ${one.slice(7, 19)} → ${two.slice(7, 19)}
          1 service the same

        1 commit only in stage
          c0ffee000000  Round half to even  Anna Ruiz
      `),
    )
  })
})

describe('error display', () => {
  const location = { file: 'trunkline.yaml', line: 12, column: 5, source: '    biuld: npm run build' }

  test('shows the sentence, the code, the place with a caret, and the hint', () => {
    const error = usageError('CONFIG_UNKNOWN_KEY', 'service carts has no key "biuld"', {
      hint: 'did you mean "build"?',
      location,
    })
    assert.deepEqual(
      renderError(error, style),
      page(`
        error: service carts has no key "biuld"  CONFIG_UNKNOWN_KEY
          trunkline.yaml:12:5
          12 │     biuld: npm run build
             │     ^
          → did you mean "build"?
      `),
    )
  })

  test('a refusal is not called an error', () => {
    assert.match(
      renderError(refusedError('RELEASE_YANKED', 'it was yanked'), style)[0] ?? '',
      /^refused: it was yanked/,
    )
  })

  test('lists all mistakes, by the given formatter where there is one', () => {
    const problems = ['one', 'two'].map((message) => ({ code: 'C', message }))
    const error = usageError('CONFIG_INVALID', 'trunkline.yaml has 2 mistakes', { problems })
    assert.match(renderError(error, style).join('\n'), /^error: one {2}C\n\nerror: two {2}C\n\n2 mistakes/)
    const formatted = renderError(error, style, { formatProblems: (list) => `${list.length} formatted` })
    assert.deepEqual(formatted, ['2 formatted', '', '2 mistakes  CONFIG_INVALID'])
  })

  test('anything else is shown as a bug, with its stack', () => {
    // As wide as the place this repository stands in may ask for: lines longer than the screen are cut.
    const lines = renderError(new TypeError('x is not a function'), { ...style, width: Infinity })
    assert.equal(lines[0], 'bug in Trunkline: TypeError: x is not a function')
    assert.match(lines.join('\n'), /pages\.test\.ts/)
  })
})

test('no page is wider than the screen or obeys foreign text, at any width', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 80 }),
      fc.integer({ min: 1, max: 120 }),
      fc.boolean(),
      (text, width, unicode) => {
        const own = { colour: false, unicode, width }
        const foreign = `${text}\u001b[2J\n`
        const reasons = [reasonWith('x', foreign, { file: foreign, hint: foreign })]
        const plan = shopPlan(reasons)
        const error = usageError('CODE', foreign, {
          hint: foreign,
          location: { file: foreign, line: 3, column: 70, source: foreign },
        })
        const pages = [
          renderPlan(plan, own, { verbose: true }),
          renderStatus(status, own, { nowMs, services: true }),
          renderError(error, own),
          renderWhere(
            {
              commit: commitOf('aa'),
              subject: foreign,
              release: null,
              yanked: false,
              environments: [{ name: foreign, state: 'waiting', version: foreign, at: null, reasons }],
            },
            own,
            { nowMs },
          ),
        ]
        for (const line of pages.flat()) {
          assert.ok(stringWidth(line) <= width, `${stringWidth(line)} > ${width}: ${JSON.stringify(line)}`)
          assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f]/)
        }
      },
    ),
    { numRuns: 60 },
  )
})
