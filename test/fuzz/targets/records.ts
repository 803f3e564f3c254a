/** Documents that others wrote: state, events, leases, yanks and records in git; manifests and indexes of registries. */

import { Readable } from 'node:stream'
import { digestOfBytes } from '../../../src/artifacts/digest.ts'
import { artifactManifest } from '../../../src/artifacts/manifest.ts'
import { artifactTypes, mediaTypes } from '../../../src/artifacts/media-types.ts'
import { createRegistryStore } from '../../../src/artifacts/oci-registry/index.ts'
import type { HttpRequest, HttpResponse } from '../../../src/artifacts/oci-registry/transport.ts'
import { commitMessage } from '../../../src/git/state-commits.ts'
import { parseDocument } from '../../../src/ledger/document.ts'
import { applyEvent, eventMessage, initialState } from '../../../src/ledger/index.ts'
import { parseBuildRecord, parseCheckRecord, parseCommitRecord, parseRelease } from '../../../src/ledger/records.ts'
import { eventShape, leaseShape, stateShape, yanksShape } from '../../../src/ledger/shapes/documents.ts'
import { mergeYank } from '../../../src/ledger/yank-list.ts'
import type { EnvironmentState, LedgerEvent, Yank } from '../../../src/model/index.ts'
import { isDigest, isHash, isObjectId } from '../../../src/model/index.ts'
import { jsonText, mutateJson } from '../mutate-json.ts'
import type { Random } from '../random.ts'
import { type Input, type Kind, promise, promiseHarmless, type Target } from '../target.ts'
import { documents, ids } from './record-seeds.ts'

const text = (input: Input): string => input.toString()
const mutated = (choices: readonly unknown[]) => (random: Random) =>
  jsonText(random, mutateJson(random, random.pick(choices)))

/** What a command does with a state after reading it: folds on, asks for its parts by their types. */
function useState(state: EnvironmentState): void {
  promise(state.environment.length > 0 && !/[/\0]/.test(state.environment), 'an environment has no name')
  for (const running of [state.running, ...state.history]) {
    if (running === null) continue
    promise(isHash(running.release) && isHash(running.view) && isObjectId(running.commit), 'what runs has no ids')
    for (const service of Object.values(running.services))
      promise(isDigest(service.artifact), 'an artifact has no digest')
  }
  for (const event of documents.events) {
    const after = applyEvent(state, event)
    promise(after.seq === event.seq, 'an event was not counted')
  }
}

const states: Kind = {
  name: 'state.json',
  make: mutated(documents.states),
  run: (input) => useState(parseDocument<EnvironmentState>(text(input), 'env/stage state.json', stateShape)),
}

const events: Kind = {
  name: 'event.json',
  make: mutated(documents.events),
  run(input) {
    const event = parseDocument<LedgerEvent>(text(input), 'event.json', eventShape)
    let state = initialState('stage')
    for (const other of [...documents.events.slice(0, 3), event]) state = applyEvent(state, other)
    const message = eventMessage(event)
    promiseHarmless(
      commitMessage({ ...message, author: event.actor, at: event.at, put: {}, remove: [] }),
      'its message',
    )
    // What was folded is written, and must be readable again.
    parseDocument(JSON.stringify(state), 'state.json', stateShape)
  },
}

const leases: Kind = {
  name: 'lease.json',
  make: mutated(documents.leases),
  run: (input) => void parseDocument(text(input), 'lease.json', leaseShape),
}

const yanks: Kind = {
  name: 'yanks.json',
  make: mutated(documents.yanks),
  run(input) {
    const read = parseDocument<{ version: 1; yanks: Yank[] }>(text(input), 'yanks.json', yanksShape)
    const [first] = read.yanks
    if (first === undefined) return
    const merged = mergeYank(read.yanks, { ...first, yanked: !first.yanked })
    promise(merged.length <= read.yanks.length + 1, 'yanks multiply')
  },
}

/** The first line says which kind of record it is. */
const records: Kind = {
  name: 'record',
  make(random) {
    const [kind, seed] = random.pick(Object.entries(documents.records))
    return `${kind}\n${jsonText(random, mutateJson(random, seed))}`
  },
  run(input) {
    const [kind, ...lines] = text(input).split('\n')
    const document = lines.join('\n')
    if (kind === 'build') promise(isDigest(parseBuildRecord(document, ids.hash).artifact), 'a build has no digest')
    if (kind === 'check') promise(parseCheckRecord(document, ids.hash).check !== '', 'a check has no name')
    if (kind === 'commit') promise(isObjectId(parseCommitRecord(document, ids.commit).commit), 'a commit has no id')
    if (kind !== 'release') return
    const release = parseRelease(document, ids.release)
    for (const { artifact, deployInputs } of Object.values(release.services)) {
      promise(isDigest(artifact), 'a service has no digest')
      for (const path of Object.keys(deployInputs)) promise(!path.split('/').includes('..'), 'a path leads out')
    }
  },
}

const layer = { mediaType: mediaTypes.tarLayer, digest: digestOfBytes(Buffer.from('x')), size: 1 }
const manifestSeed: unknown = JSON.parse(Buffer.from(artifactManifest(artifactTypes.bundle, layer).bytes).toString())
const indexSeed = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [{ ...layer, annotations: { a: 'b' } }] }
const errorSeed = { errors: [{ code: 'DENIED', message: 'no', detail: {} }] }

/** A registry that answers everything with one text. */
const registryAnswers: Kind = {
  name: 'registry answer',
  make: mutated([manifestSeed, indexSeed, errorSeed, { token: 'x', expires_in: 1 }]),
  async run(input) {
    const body = Buffer.from(input)
    const answering = (status: number, headers: Record<string, string>) =>
      createRegistryStore({
        repository: 'registry.example/shop',
        insecure: false,
        environment: { HOME: '/nonexistent' },
        retryPolicy: { attempts: 1, baseMs: 1, maxMs: 1 },
        transport: async (request: HttpRequest): Promise<HttpResponse> => ({
          url: request.url,
          status: request.url.endsWith('/v2/') ? 200 : status,
          headers,
          body: Readable.from([body], { objectMode: false }),
        }),
      })
    const never = new AbortController().signal
    await answering(200, {}).manifest(digestOfBytes(body), never).catch(expected)
    await answering(200, { 'content-type': mediaTypes.index }).referrers(layer.digest, never).catch(expected)
    await answering(403, {}).resolveTag('v1', never)
  },
}

/** One of several calls: the last one's error is the input's. */
function expected(error: unknown): void {
  if (!(error instanceof Error && error.name === 'TrunklineError')) throw error
}

export const recordsTarget: Target = {
  name: 'records',
  kinds: [states, states, events, events, leases, yanks, records, records, registryAnswers],
}
