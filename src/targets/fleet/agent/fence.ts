/** Strict fencing: once a controller with a newer lease has been here, an older one changes nothing any more. */
import { refusedError } from '../../../model/index.ts'
import { readJson, writeJsonDurably } from './durable-file.ts'
import type { Scope } from './protocol.ts'
import { epochsSchema } from './records.ts'
import { scopeKey } from './scope-keys.ts'

export class Fence {
  private readonly path: string
  private epochs: Record<string, number>

  constructor(path: string) {
    this.path = path
    this.epochs = readJson(path, epochsSchema)?.epochs ?? {}
  }

  /** Lets the newest epoch of an environment pass and remembers it durably. Older: refused `STALE_CONTROLLER`. */
  pass(scope: Scope, epoch: number): void {
    const key = scopeKey(scope)
    const newest = this.epochs[key] ?? 0
    if (epoch < newest) {
      throw refusedError(
        'STALE_CONTROLLER',
        `another controller has taken over ${scope.environment} (lease epoch ${newest}, this one has ${epoch})`,
        { hint: 'Nothing was changed. `trunkline status` shows who is at work.' },
      )
    }
    if (epoch > newest) this.write({ ...this.epochs, [key]: epoch })
  }

  /** A project that is gone begins anew. */
  forgetProject(project: string): void {
    const prefix = scopeKey({ project, environment: '' })
    this.write(Object.fromEntries(Object.entries(this.epochs).filter(([key]) => !key.startsWith(prefix))))
  }

  private write(epochs: Record<string, number>): void {
    writeJsonDurably(this.path, { version: 1, epochs })
    this.epochs = epochs
  }
}
