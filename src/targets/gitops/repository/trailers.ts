/** What a commit in the manifest repository says of the deployment it belongs to, as trailers that tools can parse. */
import { type Digest, isDigest, type ServiceName } from '../../../model/index.ts'

export type ServiceChange = {
  service: ServiceName
  /** null: nothing, or what has no digest. */
  from: Digest | null
  to: Digest
}

export type CommitNote = {
  project: string
  environment: string
  /** Lease epoch of the controller that wrote it. */
  epoch: number
  /** Absent where it is no part of a deployment. */
  deployment: string | null
  release: string | null
  commit: string | null
  services: ServiceChange[]
}

type Trailer = readonly [name: string, value: string]

export const environmentTrailer = (environment: string): string => `Trunkline-Environment: ${environment}`
export const deploymentTrailer = (deployment: string): string => `Trunkline-Deployment: ${deployment}`

export function trailersOf(note: CommitNote): Trailer[] {
  const optional = (name: string, value: string | null): Trailer[] => (value === null ? [] : [[name, value]])
  return [
    ['Trunkline-Project', note.project],
    ['Trunkline-Environment', note.environment],
    ...optional('Trunkline-Deployment', note.deployment),
    ...optional('Trunkline-Release', note.release),
    ...optional('Trunkline-Commit', note.commit),
    ...note.services.map(
      ({ service, from, to }): Trailer => ['Trunkline-Service', `${service} ${from ?? 'none'} ${to}`],
    ),
    ['Trunkline-Epoch', String(note.epoch)],
  ]
}

/** Null where the message is of someone else. */
export function noteOf(message: string): CommitNote | null {
  const trailers = lastParagraph(message).flatMap((line): Trailer[] => {
    const [, name, value] = /^(Trunkline-[A-Za-z-]+):\s*(.*)$/.exec(line) ?? []
    return name === undefined || value === undefined ? [] : [[name, value.trim()]]
  })
  const values = (name: string) => trailers.filter(([known]) => known === name).map(([, value]) => value)
  const [project] = values('Trunkline-Project')
  const [environment] = values('Trunkline-Environment')
  const epoch = Number(values('Trunkline-Epoch')[0])
  if (project === undefined || environment === undefined || !Number.isSafeInteger(epoch)) return null
  return {
    project,
    environment,
    epoch,
    deployment: values('Trunkline-Deployment')[0] ?? null,
    release: values('Trunkline-Release')[0] ?? null,
    commit: values('Trunkline-Commit')[0] ?? null,
    services: values('Trunkline-Service').flatMap(parseChange),
  }
}

function parseChange(text: string): ServiceChange[] {
  const [service = '', from = '', to = ''] = text.split(' ')
  return isDigest(to) ? [{ service, from: isDigest(from) ? from : null, to }] : []
}

/** A squashed merge keeps the trailers, and may add its own behind them. */
function lastParagraph(message: string): string[] {
  const paragraphs = message.trim().split(/\r?\n\s*\r?\n/)
  const own = paragraphs.findLast((paragraph) => /^Trunkline-Environment:/m.test(paragraph))
  return (own ?? '').split(/\r?\n/)
}
