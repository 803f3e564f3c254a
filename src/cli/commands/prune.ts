import { short, usageError } from '../../model/index.ts'
import { type Command, flagOption, type Invocation, textOption } from '../command.ts'
import { runDecision } from '../run-decision.ts'

export const prune: Command = {
  name: 'prune',
  summary: 'Remove artifacts that no environment, earlier release, tag or recent commit needs',
  detail:
    'Records stay: what was removed and is wanted again is built again. Artifacts built less than a day ago always stay.',
  options: [
    { flags: '--dry-run', summary: 'say what would go, and why the rest stays' },
    {
      flags: '--keep <count>',
      summary: 'newest commits of trunk, and earlier releases of each environment, that stay',
      default: '20',
    },
  ],
  run: (invocation) =>
    runDecision(invocation, async ({ engine, scene }) => {
      const { prune: pruneArtifacts } = await import('../../delivery/by-hand/prune.ts')
      const dryRun = flagOption(invocation, 'dryRun')
      const options = { keep: keepOption(invocation), dryRun, signal: invocation.signal }
      const result = await pruneArtifacts(engine, scene, options)
      const { removed, kept, freedBytes, location } = result
      const verb = dryRun ? 'would go' : 'removed'
      const gone = removed.filter(({ wasThere }) => wasThere !== false)
      const freed = freedBytes === null ? '' : `, ${(freedBytes / 1024 / 1024).toFixed(1)} MiB freed`
      return {
        document: result,
        lines: [
          ...(dryRun
            ? kept.map((one) => `stays    ${described(one)}: ${one.reasons.map(({ message }) => message).join('; ')}`)
            : []),
          ...gone.map((one) => `${verb.padEnd(8)} ${described(one)}`),
          `${gone.length} artifact${gone.length === 1 ? '' : 's'} ${verb}, ${kept.length} stay${freed} (${location})`,
        ],
      }
    }),
}

type Described = { artifact: string; services: string[]; commit: string; builtAt: string }

const described = ({ artifact, services, commit, builtAt }: Described): string =>
  `${short(artifact)} ${services.join(', ')}, built at ${commit.slice(0, 7)} on ${builtAt.slice(0, 10)}`

const maxKeep = 10_000

function keepOption(invocation: Invocation): number {
  const text = textOption(invocation, 'keep') ?? ''
  const count = /^\d+$/.test(text) ? Number(text) : -1
  if (count >= 1 && count <= maxKeep) return count
  throw usageError('BAD_OPTION', `--keep takes a whole number from 1 to ${maxKeep}, not ${JSON.stringify(text)}`)
}
