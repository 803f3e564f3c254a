/** The words that documents are made of: ids, names, paths, times. Each is checked before anything is done with it. */
import { isDigest, isHash, isObjectId } from '../../model/index.ts'
import { amount, flag, listOf, mappingOf, nullable, object, optional, text, textWhere } from './shape.ts'

const longestName = 200
const longestPath = 4096

export const objectId = textWhere('an object id', isObjectId)
export const digest = textWhere('a sha256 digest', isDigest)
/** An input hash, a release, a view, a plan. */
export const hash = textWhere('a hash of 64 hex digits', isHash)
export const time = textWhere('a time', (value) => value.length <= 40 && !Number.isNaN(Date.parse(value)))
/** Becomes part of ref names and file names: no separator, no way up, nothing invisible. */
export const name = textWhere(
  'a name',
  (value) => value !== '' && value.length <= longestName && /^[\p{L}\p{N}_][\p{L}\p{N}_.:-]*$/u.test(value),
)
/** What people call a check, a hook, a step: one line. */
export const title = textWhere(
  'a name of one line',
  (value) => value !== '' && value.length <= 1000 && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(value),
)
/** `d-<environment>-<digits>`; `t-…` where a task ran on its own, which has events like a hook's. */
export const deploymentId = textWhere('a deployment', (value) => value.length <= 300 && /^[dt]-[\w.-]+$/.test(value))
/** A path in a repository: relative, without a way up. */
export const repositoryPath = textWhere(
  'a path inside the repository',
  (value) =>
    value !== '' &&
    value.length <= longestPath &&
    !value.includes('\0') &&
    value.split('/').every((part) => part !== '' && part !== '.' && part !== '..'),
)
export const refName = textWhere(
  'a ref',
  (value) => value.startsWith('refs/') && value.length <= longestPath && !/[\p{Cc} ~^:?*[\\]|\.\.|@\{/u.test(value),
)
/** An identifier whose form is its maker's own. */
export const token = textWhere(
  'an identifier',
  (value) => value !== '' && value.length <= 1000 && !/\p{Cc}/u.test(value),
)

export const actor = object({ name: text, email: text })

export const reason = object({
  code: text,
  message: text,
  file: optional(text),
  input: optional(text),
  rule: optional(text),
  ref: optional(text),
  commit: optional(text),
  digest: optional(text),
  hint: optional(text),
})
export const reasons = listOf(reason)
export const lines = listOf(text)

/** Recipes travel in releases. What they say is the repository's own business; that it is text and numbers is ours. */
const run = object({
  command: optional(text),
  port: optional(nullable(text)),
  health: optional(nullable(text)),
  startTimeoutMs: optional(amount),
  drainTimeoutMs: optional(amount),
  stopTimeoutMs: optional(amount),
})
const variable = object({
  kind: text,
  value: optional(text),
  from: optional(text),
  secret: optional(flag),
  default: optional(nullable(text)),
  service: optional(name),
})
const variables = mappingOf(
  textWhere('a variable', (key) => key !== '' && key.length <= 1000 && !/[=\0]/.test(key)),
  variable,
)
const hook = object({
  name: title,
  service: name,
  run: text,
  timeoutMs: amount,
  idempotent: flag,
  irreversible: flag,
  deployAfter: optional(listOf(name)),
})
const verification = object({
  name: title,
  kind: text,
  timeoutMs: amount,
  env: variables,
  run: optional(text),
  service: optional(name),
  path: optional(text),
  status: optional(amount),
  contains: optional(nullable(text)),
})

const objectsByPath = mappingOf(repositoryPath, objectId)

export const releasedService = object({
  artifact: digest,
  deployInputs: objectsByPath,
  run: nullable(run),
  env: variables,
  deployAfter: listOf(name),
  target: nullable(name),
})

export const releasedEnvironment = object({
  before: listOf(hook),
  after: listOf(hook),
  rollback: listOf(hook),
  verify: listOf(verification),
  deployInputs: lines,
  overlay: objectsByPath,
})

export const task = object({ name: title, service: name, run: text, timeoutMs: amount })
