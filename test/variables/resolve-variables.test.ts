import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EnvironmentVariable } from '../../src/model/index.ts'
import { resolveVariables } from '../../src/variables/index.ts'

const from = (name: string, more: { secret?: boolean; default?: string } = {}): EnvironmentVariable => ({
  kind: 'from',
  from: name,
  secret: more.secret ?? false,
  default: more.default ?? null,
})

test('a service receives what it names, and nothing else that the source has', () => {
  const env: Record<string, EnvironmentVariable> = {
    MODE: { kind: 'value', value: 'fast' },
    CACHE: from('REDIS_URL', { secret: true }),
    LEVEL: from('LOG_LEVEL', { default: 'info' }),
    EMPTY: from('EMPTY'),
    PRODUCTS: { kind: 'service', service: 'products' },
  }
  const available = new Map([
    ['REDIS_URL', 'redis://:hunter2@cache'],
    ['EMPTY', ''],
    ['OTHER', 'not asked for'],
  ])
  assert.deepEqual(resolveVariables(env, available), {
    values: { MODE: 'fast', CACHE: 'redis://:hunter2@cache', LEVEL: 'info', EMPTY: '' },
    secrets: ['redis://:hunter2@cache'],
    missing: [],
    services: { PRODUCTS: 'products' },
    awaited: [],
  })
})

test('what the source lacks is named by its name there, once', () => {
  const env = { A: from('TOKEN', { secret: true }), B: from('TOKEN'), C: from('HOST') }
  assert.deepEqual(resolveVariables(env, new Map()), {
    values: {},
    secrets: [],
    missing: ['HOST', 'TOKEN'],
    services: {},
    awaited: [],
  })
})

test('a default stands in the configuration and is no secret', () => {
  const env = { A: from('PASSWORD', { secret: true, default: 'postgres' }) }
  assert.deepEqual(resolveVariables(env, new Map()).secrets, [])
  assert.deepEqual(resolveVariables(env, new Map([['PASSWORD', 's3cret']])).secrets, ['s3cret'])
})
