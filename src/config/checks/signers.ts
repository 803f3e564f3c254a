/** Where `builders` are listed signatures decide: keys must be readable, and rules such that somebody can fulfil them. */
import type { SigningKey } from '../../model/index.ts'
import { parsePublicKey } from '../../signing/public-key.ts'
import { didYouMean } from '../did-you-mean.ts'
import type { PlacedMistake } from '../explain-issue.ts'
import type { Path } from '../yaml-source.ts'
import type { Check, CheckContext } from './check.ts'

export const checkSigners: Check = function* (context) {
  const { builders, people } = context.document
  yield* unknownGroups(context)
  if (builders.length === 0) return
  for (const [index, builder] of builders.entries())
    if (typeof builder !== 'string') yield* unreadableKeys(builder.ssh, ['builders', index, 'ssh'])
  for (const [group, members] of Object.entries(people))
    for (const [index, member] of members.entries()) yield* unreadableKeys(member.ssh, ['people', group, index, 'ssh'])
  yield* buildersWithoutKey(context)
  yield* unreachableApprovals(context)
}

function* unknownGroups({ document, declared }: CheckContext): Iterable<PlacedMistake> {
  for (const [index, builder] of document.builders.entries()) {
    if (typeof builder !== 'string' || declared.groups.has(builder.slice(1))) continue
    const closest = didYouMean(
      builder,
      [...declared.groups].map((group) => `@${group}`),
    )
    yield {
      path: ['builders', index],
      mistake: {
        code: 'UNKNOWN_GROUP',
        message: `unknown group \`${builder}\`${closest}`,
        hint: 'groups stand under `people`',
      },
    }
  }
}

function* unreadableKeys(keys: readonly SigningKey[], path: Path): Iterable<PlacedMistake> {
  for (const [index, { key, fromMs, untilMs }] of keys.entries()) {
    const place = keys.length === 1 ? path : [...path, index]
    const why = whyUnreadable(key)
    if (why !== null)
      yield {
        path: place,
        mistake: { code: 'INVALID_KEY', message: `\`{key}\` is not a key that can be used: ${why}` },
      }
    if (untilMs !== null && untilMs <= fromMs)
      yield { path: place, mistake: { code: 'INVALID_VALUE', message: '`{key}` ends before it begins' } }
  }
}

function whyUnreadable(key: string): string | null {
  try {
    parsePublicKey(key)
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function* buildersWithoutKey({ document }: CheckContext): Iterable<PlacedMistake> {
  const hasKey = document.builders.some((builder) =>
    typeof builder === 'string'
      ? membersOf(document.people, builder).some(({ ssh }) => ssh.length > 0)
      : builder.ssh.length > 0,
  )
  if (hasKey) return
  yield {
    path: ['builders'],
    mistake: {
      code: 'NO_SIGNER',
      message: 'none of these builders has a key: nothing could ever be delivered',
      hint: 'give the people of the group an `ssh` key, or list a builder with one',
    },
  }
}

/** An approval counts only from somebody with a key. */
function* unreachableApprovals({ document }: CheckContext): Iterable<PlacedMistake> {
  const everybody = Object.values(document.people).flat()
  const withKey = new Set(everybody.filter(({ ssh }) => ssh.length > 0).map(({ email }) => email.toLowerCase()))
  for (const [name, { approval }] of Object.entries(document.environments)) {
    if (approval === undefined) continue
    const named = approval.by.flatMap((entry) =>
      entry.startsWith('@')
        ? membersOf(document.people, entry).map(({ email }) => email.toLowerCase())
        : [entry.toLowerCase()],
    )
    const able = new Set(approval.by.length === 0 ? withKey : named.filter((email) => withKey.has(email)))
    if (able.size >= approval.quorum) continue
    yield {
      path: ['environments', name, 'approval'],
      mistake: {
        code: 'NO_SIGNER',
        message: `where \`builders\` are listed approvals must be signed, and ${able.size === 0 ? 'none of these approvers has' : `only ${able.size} of these approvers ${able.size === 1 ? 'has' : 'have'}`} a key under \`people\``,
        hint: 'give them one: people: { group: [{ email: a@example.com, ssh: "ssh-ed25519 AAAA…" }] }',
      },
    }
  }
}

const membersOf = <Member>(people: Readonly<Record<string, Member[]>>, group: string): Member[] =>
  Object.hasOwn(people, group.slice(1)) ? (people[group.slice(1)] ?? []) : []
