import type { Adoption } from '../../delivery/index.ts'
import { short } from '../../model/index.ts'
import { type Command, flagOption } from '../command.ts'
import { runDecision } from '../run-decision.ts'

export const adopt: Command = {
  name: 'adopt',
  summary: 'Vouch for history that no builder signed, as a builder',
  detail:
    'Where trunk lists builders, history from before counts only when one of them vouches for it. Shows what does not count; writes only with --yes.',
  options: [
    { flags: '-y, --yes', summary: 'vouch for it: signed with the key of a builder' },
    { flags: '--all', summary: 'histories that count already, too' },
  ],
  run: (invocation) =>
    runDecision(invocation, async ({ engine }) => {
      const { adoptHistories } = await import('../../delivery/index.ts')
      const confirmed = flagOption(invocation, 'yes')
      const histories = await adoptHistories(engine, {
        confirmed,
        all: flagOption(invocation, 'all'),
        signal: invocation.signal,
      })
      return { document: { histories }, lines: [...histories.flatMap(linesOf), ...lastWord(histories, confirmed)] }
    }),
}

function linesOf({ ref, tip, why, voided, adopted }: Adoption): string[] {
  const what = {
    unsigned: 'nothing on it is signed by a builder',
    voided: `${voided.length} commit${voided.length === 1 ? '' : 's'} on it count${voided.length === 1 ? 's' : ''} for nothing`,
    'asked-for': 'it counts',
  }[why]
  const head = `${ref} at ${short(tip)}: ${adopted ? 'adopted' : what}`
  return [head, ...voided.map(({ message }) => `  ${message}`)]
}

function lastWord(histories: readonly Adoption[], confirmed: boolean): string[] {
  if (histories.length === 0) return ['every history counts: there is nothing to adopt']
  return confirmed ? [] : ['look at them (trunkline log, git log), then vouch for them: trunkline adopt --yes']
}
