/** Whose word counts here, whether this process may say it, and what was pushed that does not count. */
import type { Engine, Scene } from '../delivery/index.ts'
import { bad, type Finding } from './finding.ts'
import { examineSigners } from './signers.ts'

const about = 'trust'

export async function examineTrust(engine: Engine, scene: Scene, signal: AbortSignal): Promise<Finding[]> {
  const { project } = scene
  if (engine.ledger.trust.signers() === null) return examineOpenTrust(scene)
  const people = Object.values(project.people).flat()
  const withKey = new Set(people.filter(({ ssh }) => ssh.length > 0).map(({ email }) => email.toLowerCase()))
  const counts: Finding = {
    about,
    verdict: 'good',
    message: `only what builders (${project.builders.map(({ name }) => name).join(', ')}) and ${withKey.size} people sign counts`,
  }
  const standing = await examineHistories(engine, signal).catch((error: unknown) => [bad(about, error)])
  return [counts, ...examineSigners(project, engine.world.clock.now()), await examineOwnKey(engine), ...standing]
}

/** Design section 4: without signatures, who may push refs is trusted. People should know. */
function examineOpenTrust({ project }: Scene): Finding[] {
  const open = Object.values(project.environments).filter(({ approval }) => approval?.by.length === 0)
  const hasKeys = Object.values(project.people).some((group) => group.some(({ ssh }) => ssh.length > 0))
  return [
    {
      about,
      verdict: 'note',
      message: `who may push to ${project.state.prefix}/* is trusted: records and approvals are not signed`,
      hint: 'protect that prefix at your git host like your trunk, or list builders: docs/signatures.md',
    },
    ...(hasKeys
      ? [
          {
            about,
            verdict: 'note' as const,
            message: 'people have keys, but no builders are listed: nothing is checked',
            hint: 'builders in trunkline.yaml switches signatures on: docs/signatures.md',
          },
        ]
      : []),
    ...open.map(
      ({ name }): Finding => ({
        about,
        verdict: 'note',
        message: `anyone who may push can approve ${name}`,
        hint: 'name groups under approval.by',
      }),
    ),
  ]
}

async function examineOwnKey({ ledger, world }: Engine): Promise<Finding> {
  try {
    const [isBuilder, isPerson] = [await ledger.trust.can('builder'), await ledger.trust.can('person')]
    if (isBuilder)
      return { about, verdict: 'good', message: 'your key is that of a builder: you may deliver from here' }
    if (isPerson)
      return { about, verdict: 'good', message: `your key is that of ${world.actor.email}: what you decide counts` }
    return {
      about,
      verdict: 'note',
      message: `what ${world.actor.email} writes from here would not count: there is no key that trunk lists`,
      hint: 'set TRUNKLINE_SIGNING_KEY, or user.signingKey with gpg.format ssh, to a key that is listed',
    }
  } catch (error) {
    return bad(about, error)
  }
}

async function examineHistories({ ledger }: Engine, signal: AbortSignal): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const { ref, isUnsigned, voided } of await ledger.standing(await ledger.refresh(signal))) {
    if (isUnsigned) {
      findings.push({
        about,
        verdict: 'bad',
        message: `nothing on ${ref} is signed by a builder that trunk lists`,
        hint: 'look at it, then vouch for it: trunkline adopt',
      })
    }
    for (const { reason } of voided) {
      const hint = reason.hint ?? 'find out who may push there'
      findings.push({ about, verdict: 'bad', message: reason.message, hint })
    }
  }
  return findings
}
