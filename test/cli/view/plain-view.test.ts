import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import {
  type CiKind,
  createPlainView,
  createSilentView,
  type EnvironmentResult,
  openProgressView,
} from '../../../src/cli/view/index.ts'
import { annotation, ciOf, disarm, folded } from '../../../src/cli/view/progress/ci.ts'
import { createStepLogs } from '../../../src/cli/view/progress/step-logs.ts'
import type { Progress } from '../../../src/model/index.ts'
import { commitOf, planned, reasonWith, step } from './shop.ts'

function record(ci: CiKind, events: readonly Progress[], end = true, verbose = false): string[] {
  let text = ''
  let nowMs = Date.parse('2026-03-01T12:00:00Z')
  const view = createPlainView({
    write: (part) => {
      text += part
    },
    style: { colour: false, unicode: true, width: Number.POSITIVE_INFINITY },
    ci,
    clock: { now: () => nowMs },
    verbose,
  })
  for (const event of events) {
    view.show(event)
    nowMs += 1000
  }
  const environments: EnvironmentResult[] = [{ name: 'stage', outcome: 'failed', reasons: [], deployment: null }]
  view.end(end ? { outcome: 'failed', release: null, commit: commitOf('c0ffee'), reasons: [], environments } : null)
  return text.split('\n').slice(0, -1)
}

const start = (step: string): Progress => ({ kind: 'step-started', step, environment: null, title: step })
const log = (step: string, line: string): Progress => ({ kind: 'step-log', step, line })
const succeed = (step: string): Progress => ({
  kind: 'step-ended',
  step,
  environment: null,
  outcome: 'succeeded',
  durationMs: 1500,
})

const twoAtOnce: Progress[] = [
  ...planned,
  start('build:carts'),
  start('build:email'),
  log('build:carts', 'carts 1'),
  log('build:email', 'email 1'),
  log('build:carts', 'carts 2'),
  succeed('build:carts'),
  {
    kind: 'step-ended',
    step: 'build:email',
    environment: null,
    outcome: 'failed',
    durationMs: 900,
    reasons: [reasonWith('build-failed', 'build of email ended with exit code 1', { file: 'services/email/a.ts' })],
  },
]

describe('plain lines', () => {
  test('are one for each thing that is over, and end with the failing step and its output', () => {
    assert.deepEqual(record('other', twoAtOnce), [
      '12:00:00 main is at c0ffee000000',
      '12:00:00   main feeds stage',
      '12:00:00   main feeds prod',
      '12:00:01   build carts: services/carts/a.ts changed',
      '12:00:01   reuse email',
      '12:00:07 ✓ carts build 1.5 s',
      '12:00:08 ✗ email build failed 0.9 s: build of email ended with exit code 1',
      '',
      '  built   carts (1.5 s)',
      '  reused  email',
      '',
      '✗ stage  failed',
      '         → trunkline log stage',
      '',
      '✗ email build failed after 0.9 s',
      '  build of email ended with exit code 1  services/email/a.ts',
      '  ╭─ end of its output ─────────────────────────────────────────────────────────────────────────────',
      '  │ email 1',
      '  ╰─',
      '',
      '✗ Failed c0ffee000000 · 9.0 s',
    ])
  })

  test('are folded, each step for itself, and annotated as GitHub wants it', () => {
    const lines = record('github', twoAtOnce)
    assert.deepEqual(lines.slice(6, 10), ['::group::output of carts build', 'carts 1', 'carts 2', '::endgroup::'])
    assert.equal(
      lines.at(-1),
      '::error file=services/email/a.ts,title=email build failed::build of email ended with exit code 1',
    )
  })

  test('bring the whole output of a failed step where the summary shows but its end, and all output when asked for it', () => {
    const long = Array.from({ length: 50 }, (_, line) => log('build:email', `line ${line}`))
    const failing = [...twoAtOnce.slice(0, -1), ...long, ...twoAtOnce.slice(-1)]
    const lines = record('other', failing)
    assert.deepEqual(lines.slice(7, 10), ['--- output of email build', '  email 1', '  line 0'])
    assert.ok(!lines.some((line) => line.includes('carts 1')))
    assert.ok(record('other', failing, true, true).includes('  carts 1'))
  })

  test('tell the stages of a rollout as they are reached, each once', () => {
    const rollout = step('stage/rollout:carts', 'rollout')
    const at = (weight: number, phase: 'moving' | 'verifying' | 'watching', ready: number): Progress => ({
      ...{ kind: 'instances', step: rollout.id, environment: 'stage', service: 'carts', ready, desired: 4, old: 4 },
      stage: { weight, phase },
    })
    const lines = record('other', [
      { kind: 'deployment-planned', environment: 'stage', version: 'v2', direction: 'forward', steps: [rollout] },
      { kind: 'step-started', step: rollout.id, environment: 'stage', title: 'roll out carts' },
      at(10, 'verifying', 1),
      at(10, 'verifying', 1),
      at(10, 'watching', 1),
      at(50, 'moving', 2),
    ])
    assert.deepEqual(
      lines.filter((line) => line.includes('%')).map((line) => line.slice('12:00:00 '.length)),
      [
        '  stage carts: 10 %, verifying, 1 new, 4 old',
        '  stage carts: 10 %, watching, 1 new, 4 old',
        '  stage carts: 50 %, 2 new, 4 old',
      ],
    )
  })

  test('tell the way back of a failed deployment from the deployment', () => {
    const rollout = step('stage/rollout:carts', 'rollout')
    const plan = { kind: 'deployment-planned' as const, environment: 'stage', steps: [rollout] }
    const roll: Progress[] = [
      { kind: 'step-started', step: rollout.id, environment: 'stage', title: 'roll out carts' },
      { kind: 'instances', step: rollout.id, environment: 'stage', service: 'carts', ready: 1, desired: 2, old: 1 },
      { kind: 'instances', step: rollout.id, environment: 'stage', service: 'carts', ready: 1, desired: 2, old: 1 },
      { kind: 'instances', step: rollout.id, environment: 'stage', service: 'carts', ready: 2, desired: 2, old: 0 },
    ]
    const lines = record('other', [
      { ...plan, version: 'v2', direction: 'forward' },
      ...roll,
      {
        kind: 'step-ended',
        step: rollout.id,
        environment: 'stage',
        outcome: 'failed',
        durationMs: 2000,
        reasons: [reasonWith('x', 'it never answered')],
      },
      { ...plan, version: 'v1', direction: 'back' },
      ...roll,
      { kind: 'step-ended', step: rollout.id, environment: 'stage', outcome: 'succeeded', durationMs: 1000 },
    ])
    assert.deepEqual(lines.slice(0, 11), [
      '12:00:00 stage deploying v2: 1 step',
      '12:00:02   stage carts: 1/2 ready, 1 old',
      '12:00:05 ✗ stage roll carts failed 2.0 s: it never answered',
      '12:00:06 stage going back to v1: 1 step',
      '12:00:08   stage carts: 1/2 ready, 1 old',
      '12:00:11 ✓ stage way back: roll carts 1.0 s  2/2 ready',
      '',
      '✗ stage  v2 failed',
      '         → trunkline log stage',
      '',
      '✗ stage roll carts failed after 2.0 s',
    ])
  })

  test('are folded as GitLab wants it', () => {
    const lines = folded('gitlab', 3, 'build', ['x'], 1_700_000_000_000)
    assert.deepEqual(lines, [
      '\u001b[0Ksection_start:1700000000:trunkline_3[collapsed=true]\r\u001b[0Kbuild',
      'x',
      '\u001b[0Ksection_end:1700000000:trunkline_3\r\u001b[0K',
    ])
  })

  test('show the output of a step that never ended', () => {
    const lines = record('gitlab', [start('build:carts'), log('build:carts', 'half way')], false)
    assert.equal(lines[1], 'half way')
  })

  test('name what is still running when the log has been quiet for long', async () => {
    const lines: string[] = []
    const view = createPlainView({
      write: (text) => void lines.push(text),
      style: { colour: false, unicode: true, width: 100 },
      ci: 'other',
      clock: { now: () => Date.now() },
      heartbeatMs: 20,
    })
    view.show(start('build:carts'))
    const giveUp = Date.now() + 10_000
    while (lines.length < 1 && Date.now() < giveUp) await new Promise((resolve) => setTimeout(resolve, 10))
    view.end(null)
    assert.match(lines[0] ?? '', /still running: carts build \(0\.\d s\)/)
  })
})

describe('foreign output', () => {
  const commands = [
    '::set-output name=x::y',
    '  ::error::boo',
    '##[group]x',
    '##vso[task.setvariable]x',
    "##teamcity[message text='x']",
  ]

  test('cannot speak to the CI system', () => {
    const events = [
      start('build:carts'),
      ...commands.map((line) => log('build:carts', line)),
      log('build:carts', 'section_end:1:x\r\u001b[0K'),
      succeed('build:carts'),
    ]
    for (const ci of ['github', 'gitlab', 'other'] as const) {
      const own = /^(::(group::|endgroup::|error )|\u001b\[0Ksection_(start|end):\d+:trunkline_\d+)/
      for (const line of record(ci, events)) {
        if (own.test(line)) continue
        assert.doesNotMatch(line, /^\s*::|##\w*\[|\u001b|\r/, line)
      }
    }
  })

  test('cannot do it through reasons, hints and titles either', () => {
    const reasons = commands.map((message) => reasonWith('x', message, { hint: message, file: message }))
    const lines = record('github', [
      {
        kind: 'step-ended',
        step: 'stage/verify:::error::x',
        environment: 'stage',
        outcome: 'failed',
        durationMs: 1,
        reasons,
        logTail: commands,
      },
      { kind: 'environment-ended', environment: 'stage', outcome: 'failed', reasons },
      { kind: 'note', message: '::error::x' },
    ])
    const annotations = lines.filter((line) => /^\s*::/.test(line))
    assert.equal(annotations.length, 1)
    assert.match(annotations[0] ?? '', /^::error file=[^:]*,title=[^:]*::/)
    assert.ok(lines.every((line) => line.startsWith('::error ') || !/##\w*\[/.test(line)))
  })

  test('is disarmed whatever it is, and stays readable when it is harmless', () => {
    assert.equal(disarm('  a :: b'), '  a :: b')
    assert.equal(disarm('::notice::x'), ': :notice::x')
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(':', '#', '[', ' ', 'a', '\t', '\u001b', '\u2028', '\u200e', '0', 'm') }),
        (text) => {
          assert.doesNotMatch(disarm(text), /^\s*::|##\w*\[|\u001b/)
        },
      ),
    )
  })

  test('in an annotation is escaped as GitHub asks', () => {
    const location = { file: 'a,b:c.ts', line: 3, column: 7 }
    assert.deepEqual(annotation('github', { title: '50%: x', message: 'one\ntwo 100%', location }), [
      '::error file=a%2Cb%3Ac.ts,line=3,col=7,title=50%25%3A x::one%0Atwo 100%25',
    ])
    assert.deepEqual(annotation('gitlab', { title: 'x', message: 'y' }), [])
  })

  test('is bounded: the middle of a very long log is left out', () => {
    const logs = createStepLogs()
    for (let line = 0; line < 30_000; line += 1) logs.add('s', `line ${line}`)
    logs.add('s', 'x'.repeat(100_000))
    const kept = logs.take('s')
    assert.equal(kept.length, 5001)
    assert.equal(kept[0], 'line 0')
    assert.equal(kept[500], '… 25001 lines left out …')
    assert.ok((kept.at(-1)?.length ?? 0) < 5000)
    assert.deepEqual(logs.take('s'), [])
  })
})

test('the view suits where it is shown', async () => {
  assert.deepEqual(
    [ciOf({ GITHUB_ACTIONS: 'true' }), ciOf({ GITLAB_CI: 'true' }), ciOf({ CI: 'true' })],
    ['github', 'gitlab', 'other'],
  )
  const written: string[] = []
  // Only `write` is used of a stream that is no terminal.
  const stream = { isTTY: false, write: (text: string) => written.push(text) } as unknown as NodeJS.WriteStream
  const options = { stream, environment: {}, clock: { now: () => 0 }, title: 'Delivering' }
  const silent = await openProgressView({ ...options, json: true })
  silent.show({ kind: 'note', message: 'x' })
  silent.end(null)
  createSilentView().show({ kind: 'note', message: 'x' })
  assert.deepEqual(written, [])
  const plain = await openProgressView({ ...options, json: false })
  plain.show({ kind: 'note', message: 'x' })
  plain.end(null)
  assert.deepEqual(written, ['00:00:00 › x\n'])
})
