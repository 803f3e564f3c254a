/** Bans, under one ref of their own: read, and written so that losers of a race merge by subject. */
import type { Yank } from '../model/index.ts'
import { erroredError } from '../model/index.ts'
import type { StateCommit, StateStore } from '../ports/index.ts'
import { formatDocument, parseDocument } from './document.ts'
import { signatureOf } from './event-message.ts'
import type { Snapshot } from './ledger.ts'
import type { StateRefs } from './refs.ts'
import { yanksShape } from './shapes/documents.ts'
import type { Trust } from './trust/index.ts'
import { mergeYank, subjectKey } from './yank-list.ts'

export const yanksFile = 'yanks.json'

export type YankParts = {
  store: StateStore
  refs: StateRefs
  trust: Trust
  refresh(signal: AbortSignal): Promise<Snapshot>
}

export function createYanks({ store, refs, trust, refresh }: YankParts) {
  async function yanks(snapshot: Snapshot): Promise<Yank[]> {
    const tip = snapshot.get(refs.yanks)
    if (tip === undefined) return []
    const trusted = await trust.yanks(refs.yanks, tip)
    if (trusted !== null) return trusted.yanks
    const text = (await store.readFiles(tip, [yanksFile])).get(yanksFile)
    return text === undefined
      ? []
      : parseDocument<{ version: 1; yanks: Yank[] }>(text, `${refs.yanks} ${yanksFile}`, yanksShape).yanks
  }

  /** Bans or lets in again; losers of a race merge by subject. Bounded tries. */
  async function writeYank(yank: Yank, signal: AbortSignal): Promise<void> {
    for (let attempt = 0; attempt < 10; attempt++) {
      const snapshot = await refresh(signal)
      const merged = mergeYank(await yanks(snapshot), yank)
      const verb = yank.yanked ? 'yank' : 'unyank'
      const commit: StateCommit = {
        subject: `${verb} ${yank.label ?? subjectKey(yank).slice(0, 20)}: ${yank.reason}`,
        body: '',
        trailers: [
          ['Yank', subjectKey(yank)],
          ['Actor', signatureOf(yank.actor)],
        ],
        author: yank.actor,
        at: yank.at,
        put: { [yanksFile]: formatDocument({ version: 1, yanks: merged }) },
        remove: [],
      }
      const commits = await trust.sign(refs.yanks, [commit], [yank.yanked ? 'either' : 'person'])
      const expected = snapshot.get(refs.yanks) ?? null
      const result = await store.push([{ ref: refs.yanks, expected, change: { kind: 'append', commits } }], signal)
      if (result.kind === 'pushed') return
    }
    throw erroredError('LEDGER_BUSY', 'the yanks moved ten times in a row', { hint: 'run it again' })
  }

  return { yanks, writeYank }
}
