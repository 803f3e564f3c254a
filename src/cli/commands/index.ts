/** Every command, by name, loaded when it is called. The order is that of `--help`. */
import type { Command } from '../command.ts'

/** How `--help` groups them. */
export const commandGroups: Readonly<Record<string, readonly string[]>> = {
  'Deliver:': ['plan', 'check', 'deliver', 'advance', 'deploy', 'rollback', 'retry', 'cancel', 'run'],
  'Decide:': ['approve', 'reject', 'hold', 'resume', 'yank', 'unyank', 'adopt', 'prune'],
  'Look:': ['status', 'log', 'logs', 'where', 'why', 'diff', 'verify-ledger'],
  'This machine:': ['demo', 'doctor', 'agent', 'work', 'completion'],
}

export const commands: Record<string, () => Promise<Command>> = {
  plan: async () => (await import('./plan.ts')).plan,
  check: async () => (await import('./check.ts')).check,
  deliver: async () => (await import('./deliver.ts')).deliver,
  advance: async () => (await import('./advance.ts')).advance,
  deploy: async () => (await import('./deploy.ts')).deploy,
  rollback: async () => (await import('./rollback.ts')).rollback,
  yank: async () => (await import('./yank.ts')).yank,
  unyank: async () => (await import('./unyank.ts')).unyank,
  hold: async () => (await import('./hold.ts')).hold,
  resume: async () => (await import('./resume.ts')).resume,
  approve: async () => (await import('./approve.ts')).approve,
  reject: async () => (await import('./reject.ts')).reject,
  retry: async () => (await import('./retry.ts')).retry,
  cancel: async () => (await import('./cancel.ts')).cancel,
  run: async () => (await import('./run.ts')).run,
  status: async () => (await import('./status.ts')).status,
  log: async () => (await import('./log.ts')).log,
  logs: async () => (await import('./logs.ts')).logs,
  where: async () => (await import('./where.ts')).where,
  why: async () => (await import('./why.ts')).why,
  diff: async () => (await import('./diff.ts')).diff,
  prune: async () => (await import('./prune.ts')).prune,
  adopt: async () => (await import('./adopt.ts')).adopt,
  'verify-ledger': async () => (await import('./verify-ledger.ts')).verifyLedger,
  agent: async () => (await import('./agent.ts')).agent,
  demo: async () => (await import('./demo.ts')).demo,
  doctor: async () => (await import('./doctor.ts')).doctor,
  completion: async () => (await import('./completion.ts')).completion,
  work: async () => (await import('./work.ts')).work,
  __complete: async () => (await import('./complete.ts')).complete,
}
