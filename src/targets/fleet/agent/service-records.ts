/** The services this host knows: their addresses, the generation each goes back to, and what generations are made of. */
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { readJson, writeJsonDurably } from './durable-file.ts'
import type { Host } from './host.ts'
import type { Scope } from './protocol.ts'
import { type ServiceRecord, serviceRecordSchema } from './records.ts'
import { fileNameOf, scopeKey, serviceKey } from './scope-keys.ts'

export class ServiceRecords {
  private readonly host: Host
  private readonly records = new Map<string, ServiceRecord>()

  constructor(host: Host) {
    this.host = host
    for (const file of readdirSync(host.paths.services)) {
      const record = file.endsWith('.json') ? readJson(join(host.paths.services, file), serviceRecordSchema) : null
      if (record !== null) this.records.set(serviceKey(record.scope, record.service), record)
    }
  }

  get(key: string): ServiceRecord | undefined {
    return this.records.get(key)
  }

  getOrEmpty(scope: Scope, service: string): ServiceRecord {
    return (
      this.records.get(serviceKey(scope, service)) ?? {
        version: 1,
        scope,
        service,
        address: null,
        stable: null,
        generations: {},
        split: null,
        router: { kind: 'built-in' },
        change: null,
      }
    )
  }

  put(record: ServiceRecord): void {
    const key = serviceKey(record.scope, record.service)
    writeJsonDurably(this.path(key), record)
    this.records.set(key, record)
  }

  delete(key: string): void {
    rmSync(this.path(key), { force: true })
    this.records.delete(key)
  }

  all(): ServiceRecord[] {
    return [...this.records.values()]
  }

  of(scope: Scope): ServiceRecord[] {
    return this.all().filter((record) => scopeKey(record.scope) === scopeKey(scope))
  }

  private path(key: string): string {
    return join(this.host.paths.services, `${fileNameOf(key)}.json`)
  }
}
