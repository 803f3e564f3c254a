import type { Command } from '../command.ts'

export const doctor: Command = {
  name: 'doctor',
  summary: 'Check tools, rights and trust around this repository',
  async run(invocation) {
    const { examine } = await import('../../doctor/index.ts')
    const findings = await examine(invocation)
    const isWell = findings.every((finding) => finding.verdict !== 'bad')
    const { renderFindings } = await import('../../doctor/page.ts')
    return {
      exitCode: isWell ? 0 : 1,
      document: { ok: isWell, findings },
      lines: renderFindings(findings, invocation.style),
    }
  },
}
