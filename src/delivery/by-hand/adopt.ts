/**
 * A builder vouches for histories that nobody signed: once when signatures are switched on, again when a key was taken
 * off the list, or when somebody has looked at what was pushed and wants it behind them.
 */
import type { Standing } from '../../ledger/index.ts'
import type { CommitId, Reason, RefName } from '../../model/index.ts'
import { erroredError, usageError } from '../../model/index.ts'
import type { Engine } from '../engine.ts'

export type AdoptOptions = {
  /** Without it nothing is written. */
  confirmed: boolean
  /** Histories that count already, too: what is below needs no signature from then on. */
  all: boolean
  signal: AbortSignal
}

export type Adoption = {
  ref: RefName
  tip: CommitId
  /** What does not count on it now. */
  why: 'unsigned' | 'voided' | 'asked-for'
  voided: Reason[]
  adopted: boolean
}

const maxTries = 10

export async function adoptHistories(engine: Engine, { confirmed, all, signal }: AdoptOptions): Promise<Adoption[]> {
  const { ledger } = engine
  if (ledger.trust.signers() === null) {
    throw usageError('NOT_SIGNED', 'trunk lists no builders: every history counts, whoever wrote it', {
      hint: 'list them first: docs/signatures.md',
    })
  }
  if (confirmed) await ledger.trust.require('builder')
  for (let attempt = 0; attempt < maxTries; attempt++) {
    const due = (await ledger.standing(await ledger.refresh(signal))).filter(
      (standing) => all || standing.isUnsigned || standing.voided.length > 0,
    )
    if (!confirmed) return due.map((standing) => adoption(standing, false))
    const results = []
    for (const standing of due) results.push(await ledger.adopt(standing, signal))
    if (!results.includes('lost-race')) return due.map((standing) => adoption(standing, true))
  }
  throw erroredError('LEDGER_BUSY', 'the histories kept moving', { hint: 'run it again' })
}

const adoption = ({ ref, tip, isUnsigned, voided }: Standing, adopted: boolean): Adoption => ({
  ref,
  tip,
  why: isUnsigned ? 'unsigned' : voided.length > 0 ? 'voided' : 'asked-for',
  voided: voided.map(({ reason }) => reason),
  adopted,
})
