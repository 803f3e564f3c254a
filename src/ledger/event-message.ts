/** The commit message of an event: a subject a person can read, trailers a tool can parse. */
import type { Actor, LedgerEvent } from '../model/index.ts'
import { short, stageText } from '../model/index.ts'
import type { StateCommit } from '../ports/index.ts'

export function eventMessage(event: LedgerEvent): Pick<StateCommit, 'subject' | 'body' | 'trailers'> {
  const trailers: Array<readonly [string, string]> = [
    ['Event', event.kind],
    ['Sequence', String(event.seq)],
  ]
  if ('deployment' in event && event.deployment) trailers.push(['Deployment', event.deployment])
  const candidate = candidateOf(event)
  if (candidate?.release) trailers.push(['Release', candidate.release])
  if (candidate) trailers.push(['Commit', candidate.commit], ['Version', candidate.version])
  if (candidate?.ref) trailers.push(['Ref', candidate.ref])
  if ('plan' in event && event.plan !== null) trailers.push(['Plan', event.plan])
  trailers.push(['Actor', signatureOf(event.actor)])
  return { subject: subjectOf(event), body: bodyOf(event), trailers }
}

/** `Ada <ada@example.com>`; a name cannot bring an address of its own. */
export const signatureOf = ({ name, email }: Actor): string =>
  `${name.replace(/[<>]/g, '')} <${email.replace(/[<>]/g, '')}>`

/** The candidate an event is about; null where it is about none. */
export function candidateOf(event: LedgerEvent) {
  if (event.kind === 'waiting') return event.waiting.candidate
  return 'candidate' in event ? event.candidate : null
}

/** One line a person can read. */
export function subjectOf(event: LedgerEvent): string {
  const { environment } = event
  switch (event.kind) {
    case 'started':
      return `${environment}: started ${event.candidate.version} (${count(event.services.length, 'service')})`
    case 'succeeded':
      return event.deployment === null
        ? `${environment}: ${event.candidate.version} is what already runs here`
        : `${environment}: ${event.candidate.version} is live`
    case 'verified':
      return event.stage === undefined
        ? `${environment}: verified ${event.candidate.version}`
        : `${environment}: verified ${event.candidate.version} in ${stageText(event.stage)}`
    case 'failed':
      return `${environment}: ${event.candidate.version} failed${event.step ? ` at ${event.step}` : ''}`
    case 'errored':
      return `${environment}: ${event.candidate.version} errored${event.step ? ` at ${event.step}` : ''}`
    case 'refused':
      return `${environment}: ${event.candidate.version} refused at ${event.step}`
    case 'aborted':
      return `${environment}: aborted ${event.deployment}`
    case 'rolled-back':
      return `${environment}: rolled back to ${event.candidate?.version ?? 'nothing'}`
    case 'waiting':
      return `${environment}: ${event.waiting.candidate.version} waits${event.waiting.reasons[0] ? `: ${event.waiting.reasons[0].message}` : ''}`
    case 'approved':
      return `${environment}: ${event.actor.name} approved plan ${short(event.plan)}`
    case 'rejected':
      return `${environment}: ${event.actor.name} rejected ${event.candidate?.version ?? 'what was waiting'}`
    case 'held':
      return `${environment}: held by ${event.actor.name}`
    case 'resumed':
      return `${environment}: resumed by ${event.actor.name}`
    case 'yanked':
      return `${environment}: yanked ${short(event.release ?? event.artifact ?? '')}`
    case 'hook-started':
      return `${environment}: hook ${event.hook} started`
    case 'hook-ended':
      return `${environment}: hook ${event.hook} ${event.outcome}`
    case 'adopted':
      return `${environment}: ${event.actor.name} vouches for the history up to ${short(event.tip)}`
  }
}

function bodyOf(event: LedgerEvent): string {
  // One line each: a line of its own in a reason could pass for a trailer.
  return event.reasons.map((reason) => `- ${reason.message.replace(/\s+/g, ' ').trim()}`).join('\n')
}

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`
