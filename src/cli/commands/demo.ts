import { type Command, textOption } from '../command.ts'

export const demo: Command = {
  name: 'demo',
  summary: 'Tell the guided story on this machine: from a push through stage and demo to production',
  detail:
    'Everything happens in a temporary folder, on loopback, under load. It needs Node, npm and git; stories of clusters and of AWS also what `npm run parts` of a checkout prepares. Examples with a story: microservices-shop, branch-per-environment, trunk-based-promotion, ec2-fleet, loyalty-backend.',
  options: [{ flags: '--example <name>', summary: "another example's story", default: 'microservices-shop' }],
  async run(invocation) {
    const { heldThroughout, tellStory } = await import('../../demo/index.ts')
    const { createTeller, renderSummary } = await import('../../demo/teller.ts')
    const { stderr, environment } = invocation.io
    const { styleOf } = await import('../view/text/style.ts')
    const style = styleOf(stderr, environment)
    const isLive = stderr.isTTY === true && process.stdin.isTTY === true && !environment['CI'] && !invocation.json
    const stage = invocation.json ? silentStage : createTeller({ stream: stderr, style, isLive })
    const example = textOption(invocation, 'example') ?? 'microservices-shop'
    const summary = await tellStory({ example, environment, stage, signal: invocation.signal })
    return {
      exitCode: heldThroughout(summary) ? 0 : 1,
      document: summary,
      lines: renderSummary(summary, invocation.style),
    }
  },
}

const silentStage = {
  begins: () => {},
  chapterBegins: () => {},
  line: () => {},
  figures: () => {},
  chapterEnds: () => {},
  lingers: async () => {},
}
