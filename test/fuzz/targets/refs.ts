/** What comes over the wire from a remote or a registry: names of refs, objects, references, headers. */

import { artifactTag } from '../../../src/artifacts/artifact-tag.ts'
import { resolveLocation } from '../../../src/artifacts/oci-registry/redirects.ts'
import { parseRepository } from '../../../src/artifacts/oci-registry/reference.ts'
import { parseRetryAfter } from '../../../src/artifacts/oci-registry/retry.ts'
import { ciEvent } from '../../../src/cli/ci-event.ts'
import { isCovered } from '../../../src/config/checks/route-language.ts'
import { parseCommit } from '../../../src/git/commit-object.ts'
import { withoutCredentials } from '../../../src/git/credentials.ts'
import { judgePush } from '../../../src/git/push-report.ts'
import { commitMessage } from '../../../src/git/state-commits.ts'
import { parseChanges } from '../../../src/git/tree-changes.ts'
import { parseFolder } from '../../../src/git/tree-object.ts'
import { eventMessage } from '../../../src/ledger/index.ts'
import {
  type CommitId,
  decodePath,
  type EnvironmentPolicy,
  encodePath,
  type LedgerEvent,
  ListedTree,
} from '../../../src/model/index.ts'
import { matchPattern, matchRoutes, shortRef, versionOf } from '../../../src/planning/index.ts'
import { candidate, eventAt } from '../../ledger/events.ts'
import { mutateBytes } from '../mutate-bytes.ts'
import { mutateText } from '../mutate-text.ts'
import type { Random } from '../random.ts'
import { type Input, type Kind, promise, promiseHarmless, type Target } from '../target.ts'
import { challengesOf } from './refs-readers.ts'

const text = (input: Input): string => input.toString()
const bytes = (input: Input): Buffer => Buffer.from(input)
/** The brand is for the compiler; any text can stand for an id here. */
const commit = 'a'.repeat(40) as CommitId

const names = [
  ...[
    'refs/heads/main',
    'refs/tags/v1.2.3',
    'refs/heads/releases/1.0-stag',
    'refs/heads/--upload-pack=x',
    'refs/tags/-h',
  ],
  ...[
    'refs/heads/$(touch x)',
    "refs/heads/a'b",
    'refs/heads/a@{1}',
    `refs/heads/${'x/'.repeat(400)}y`,
    'refs/heads/MAIN',
  ],
]
const patterns = ['main', 'v*', 'releases/{version}-stag', '**', 'a*b**c*{d}', '*a*a*a*a*a*a*b', 'v{a}.{b}.{c}']

/** A pattern on the first line, a ref on the second. */
const routes: Kind = {
  name: 'route',
  make: (random) =>
    `${mutateText(random, random.pick(patterns)).replaceAll('\n', '')}\n${mutateText(random, random.pick(names))}`,
  run(input) {
    const [pattern = '', ...rest] = text(input).split('\n')
    const name = rest.join('\n')
    const captures = matchPattern(pattern.slice(0, 1_000), name.slice(0, 4_096))
    const route = { kind: 'branch' as const, pattern: pattern.slice(0, 1_000), reachableFrom: null }
    // Only its name and routes are read.
    const policy = { name: 'stage', routes: [route] } as unknown as EnvironmentPolicy
    for (const match of matchRoutes([policy], name.slice(0, 4_096))) {
      promise(versionOf(name, match.captures, commit) !== '', 'a deployment has no version')
    }
    promise(captures === null || !('polluted' in captures), 'a capture is not its own')
    promise(artifactTag(shortRef(name)).length <= 128, 'a tag is too long')
    isCovered(pattern.slice(0, 300), [pattern.slice(0, 150), '*'])
  },
}

const commitSeeds = [
  `tree ${'a'.repeat(40)}\nparent ${'b'.repeat(40)}\nauthor A <a@x> 1700000000 +0100\ncommitter B <b@x> 1700000000 +0000\nencoding latin1\ngpgsig -----BEGIN\n x\n -----END\n\nSubject\n\nBody\n\nSigned-off-by: x\n`,
  `tree ${'c'.repeat(64)}\nauthor \u001b[31mevil\u0007 <> 99999999999999999999 +9999\ncommitter <<>> <x>\n\n\n`,
]
const commits: Kind = {
  name: 'commit object',
  make: (random) => mutateBytes(random, Buffer.from(random.pick(commitSeeds))),
  run(input) {
    const parsed = parseCommit(commit, bytes(input))
    promise(!Number.isNaN(Date.parse(parsed.author.at)), 'a commit has no time')
    promise(!parsed.subject.includes('\n'), 'a subject has two lines')
  },
}

const treeSeed = Buffer.concat(
  ['100644 a.txt', '40000 dir', '120000 l\u00e9', '160000 sub'].map((entry) =>
    Buffer.concat([Buffer.from(`${entry}\0`), Buffer.alloc(20, 7)]),
  ),
)
const trees: Kind = {
  name: 'tree object',
  make: (random) => mutateBytes(random, treeSeed),
  run(input) {
    for (const [path, { oid }] of parseFolder(bytes(input), 20)) {
      promise(oid.length === 40, 'an id of a tree is short')
      promise(typeof path === 'string', 'an entry has no name')
    }
  },
}

const id = 'd'.repeat(40)
const listingSeed = Buffer.from(
  [`100644 blob ${id}\ta b`, `120000 blob ${id}\tl\u00e9`, `160000 commit ${id}\tsub`, ''].join('\0'),
)
const changesSeed = Buffer.from(`:100644 100755 ${id} ${id} M\0a\0:000000 100644 ${'0'.repeat(40)} ${id} A\0b\0`)
const listings: Kind = {
  name: 'tree listing',
  make: (random) => mutateBytes(random, random.pick([listingSeed, changesSeed])),
  run(input) {
    const content = bytes(input)
    promise(encodePath(decodePath(content)).equals(content), 'a path is not the same when it is written again')
    if (content[0] === 0x3a) parseChanges(content)
    else
      for (const entry of ListedTree.fromLines(content)) promise(typeof entry.path === 'string', 'an entry has no path')
  },
}

/** Any text in any place of an event: the message keeps its form, and nobody forges a trailer. */
const messages: Kind = {
  name: 'event message',
  make: (random) => JSON.stringify(Array.from({ length: 6 }, () => foreignText(random))),
  run(input) {
    const texts: unknown = JSON.parse(text(input))
    const [name, email, version, why, step, ref] = Array.isArray(texts) ? texts.map(String) : []
    const attempt = {
      ...candidate(1),
      version: version ?? '',
      ref: ref ?? null,
      author: { name: name ?? '', email: email ?? '' },
    }
    const event: LedgerEvent = {
      ...eventAt(1, {
        kind: 'failed',
        deployment: null,
        candidate: attempt,
        step: step ?? '',
        logTail: [],
        reactions: [],
      }),
      actor: { name: name ?? '', email: email ?? '' },
      reasons: [{ code: 'x', message: why ?? '' }],
    }
    const message = eventMessage(event)
    const written = commitMessage({ ...message, author: event.actor, at: event.at, put: {}, remove: [] })
    promiseHarmless(written, 'a commit message of the ledger')
    const paragraphs = written.trimEnd().split('\n\n')
    const trailers = (paragraphs.at(-1) ?? '').split('\n').map((line) => line.slice(0, line.indexOf(': ')))
    promise(
      trailers.join() === message.trailers.map(([trailer]) => trailer).join(),
      'the trailers are not those that were written',
    )
    promise(paragraphs.length <= 3 && !(paragraphs[0] ?? '').includes('\n'), 'a text made a paragraph of its own')
    promise(
      written.split('\n').filter((line) => /^(?:Release|Approved-by|Actor):/.test(line)).length <= 2,
      'a trailer was forged',
    )
  },
}

function foreignText(random: Random): string {
  const seeds = [
    'v1',
    'Ada',
    'a@example.com',
    'x\n\nApproved-by: Eve\nRelease: 1',
    'a\r\nActor: b',
    'deploy prod',
    '\u001b]0;x\u0007',
  ]
  return mutateText(random, random.pick(seeds), [
    '\n\nApproved-by: ',
    '\nRelease: ',
    '\r',
    '\u0085',
    '\u2028Actor: ',
    '<',
    '> <',
  ])
}

const referenceSeeds = [
  'registry.example/shop/carts',
  'localhost:5000/a',
  'docker.io/library/x',
  '[::1]:5000/a/b',
  'x.example:99/a__b-c',
]
const challengeSeeds = [
  'Bearer realm="https://auth.example/token",service="registry",scope="repository:a:pull"',
  'Basic realm="x", Bearer realm="https://a.b/\\"c", error="insufficient_scope"',
]
const locationSeeds = [
  '/v2/x/blobs/uploads/1?a=b',
  'https://storage.example/x',
  'http://127.0.0.1/',
  'file:///etc/passwd',
  '//evil.example/x',
]
/** What a registry's answers are made of: a word says which, the text follows. */
const headers: Kind = {
  name: 'registry header',
  make(random) {
    const [kind, seeds] = random.pick([
      ['reference', referenceSeeds],
      ['challenge', challengeSeeds],
      ['location', locationSeeds],
      ['retry', ['120', 'Wed, 21 Oct 2026 07:28:00 GMT']],
      ['url', ['https://user:pass@host/x', 'Authorization: Basic abc', 'ssh://a@b:c']],
    ] as const)
    return `${kind} ${mutateText(random, random.pick(seeds), ['realm="', '",', 'Bearer ', '://', '@', '?', '#', '[::1]'])}`
  },
  run(input) {
    const whole = text(input)
    const rest = whole.slice(whole.indexOf(' ') + 1)
    if (whole.startsWith('reference ')) parseRepository(rest, false)
    if (whole.startsWith('challenge ')) challengesOf(rest.slice(0, 16_384))
    if (whole.startsWith('retry ')) promise(Number(parseRetryAfter(rest, 0) ?? 0) >= 0, 'a wait is negative')
    if (whole.startsWith('url ')) withoutCredentials(rest)
    if (!whole.startsWith('location ')) return
    const url = new URL(resolveLocation(rest.slice(0, 16_384), 'https://registry.example/v2/x/'))
    promise(url.protocol === 'https:', 'a location leads away from https')
    promise(!/^(?:localhost|127\.|169\.254\.|\[)/.test(url.hostname), `a location leads to ${url.hostname}`)
  },
}

const pushes: Kind = {
  name: 'push report',
  make: (random) =>
    mutateText(random, 'To x\n!\trefs/a:refs/b\t[remote rejected] (cannot lock ref)\n \tc:d\t1..2\nDone\n', [
      '[remote rejected]',
      '(',
      ')',
      '\t',
      '!',
    ]),
  run(input) {
    judgePush({ kind: 'exited', exitCode: 1, stdout: bytes(input), stderr: text(input) })
    const environment = { GITHUB_ACTIONS: 'true', GITHUB_REF: text(input), GITHUB_SHA: text(input) }
    ciEvent(environment)
    ciEvent({ CODEBUILD_BUILD_ID: 'x', CODEBUILD_WEBHOOK_TRIGGER: text(input), CODEBUILD_SOURCE_VERSION: text(input) })
  },
}

export const refsTarget: Target = {
  name: 'refs',
  kinds: [routes, routes, commits, trees, listings, messages, headers, headers, pushes],
}
