import type { Command } from '../command.ts'

export const work: Command = {
  name: 'work',
  summary: 'Carry out a check or build that was sent here (a workplace starts this by itself)',
  detail: 'What is to be done stands in the variable TRUNKLINE_WORK: see docs/building-elsewhere.md.',
  async run({ io, signal }) {
    const [{ readTicket }, { doWork }, { homeAt }, { systemClock }] = await Promise.all([
      import('../../workplaces/ticket.ts'),
      import('../../workplaces/worker.ts'),
      import('../../home/index.ts'),
      import('../../clock/index.ts'),
    ])
    const ticket = readTicket(io.environment)
    const result = await doWork(ticket, {
      ...{ home: homeAt(io.environment), environment: io.environment, clock: systemClock, signal },
      log: (line) => io.stdout.write(`${line}\n`),
    })
    switch (result.kind) {
      case 'passed':
      case 'built':
        return { exitCode: 0 }
      case 'failed':
        return { exitCode: 1, lines: result.reasons.map(({ message }) => message) }
      case 'fault':
        return { exitCode: 4, lines: [`${result.code}: ${result.message}`] }
    }
  },
}
