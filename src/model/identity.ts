/** Branded strings: a commit is not a digest is not a release, and the compiler knows it. */

declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: { readonly [name in Name]: true } }

/** A git object id, SHA-1 or SHA-256, lower-case hex. */
export type ObjectId = Branded<'ObjectId'>
/** The object id of a commit. */
export type CommitId = ObjectId & Branded<'CommitId'>
/** `sha256:<64 hex>`: names bytes in an artifact store. For an artifact it is the digest of its OCI manifest. */
export type Digest = Branded<'Digest'>
/** 64 hex digits: what a build (or a check) depends on. */
export type InputHash = Branded<'InputHash'>
/** 64 hex digits: the content of a release, not of its commit. */
export type ReleaseId = Branded<'ReleaseId'>
/** 64 hex digits: the part of a release one environment sees. */
export type ViewHash = Branded<'ViewHash'>
/** 64 hex digits: what an approval binds to. */
export type PlanHash = Branded<'PlanHash'>
/** Keyed digest over the variables one service receives; the key never leaves the target. */
export type Fingerprint = Branded<'Fingerprint'>
/** `d-<environment>-<12 hex>`: one run of a plan against one environment. */
export type DeploymentId = Branded<'DeploymentId'>

export type ServiceName = string
export type EnvironmentName = string
export type TargetName = string
/** A full ref name such as `refs/heads/main`. */
export type RefName = string

const objectIdPattern = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/
const digestPattern = /^sha256:[0-9a-f]{64}$/
const hashPattern = /^[0-9a-f]{64}$/

export const isObjectId = (text: string): text is ObjectId => objectIdPattern.test(text)
export const isDigest = (text: string): text is Digest => digestPattern.test(text)
export const isHash = (text: string): boolean => hashPattern.test(text)

/** The twelve digits people read and type. Works on commits, releases, digests and hashes. */
export const short = (id: string): string => id.replace(/^sha256:/, '').slice(0, 12)
